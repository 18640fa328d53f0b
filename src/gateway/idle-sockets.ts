/**
 * Idle connections give way while sockets are scarce: they are kept for long, so that proxies and
 * pools, which keep theirs for a minute, are not the ones that find them closed; and a hundred
 * callers that rest must not keep out one that asks (GH3).
 */

import type { Server } from "node:http";

/** From so much of the bound on, those that rest are closed when another one comes. */
const scarceFrom = 0.75;

export function closeIdleWhenScarce(server: Server, connectionsMax: number): void {
  let open = 0;
  server.on("connection", (socket) => {
    open += 1;
    socket.once("close", () => {
      open -= 1;
    });
    if (open > connectionsMax * scarceFrom) server.closeIdleConnections();
  });
}

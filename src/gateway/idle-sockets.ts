/**
 * Idle connections give way while sockets are scarce: they are kept for long, so that proxies and
 * pools, which keep theirs for a minute, are not the ones that find them closed; and a hundred
 * callers that rest must not keep out one that asks (GH3).
 */

import type { Server } from "node:http";
import type { Socket } from "node:net";

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

/**
 * Connections on which no request has begun: browsers and pools open some ahead of their need, and
 * Node counts those as busy, so that a stop would wait for their callers. Returns what a stop
 * calls: they are closed `afterMs` later, since a request may be on its way on one that has just
 * come.
 */
export function closesUnused(server: Server, afterMs: number): () => void {
  const unused = new Set<Socket>();
  // That of TLS is the one whose requests are told.
  const opened = "setSecureContext" in server ? "secureConnection" : "connection";
  server.on(opened, (socket: Socket) => {
    unused.add(socket);
    socket.once("close", () => unused.delete(socket));
  });
  server.on("request", ({ socket }) => unused.delete(socket));
  return () => {
    const timer = setTimeout(() => {
      for (const socket of unused) socket.destroy();
    }, afterMs);
    server.once("close", () => clearTimeout(timer));
  };
}

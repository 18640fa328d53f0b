/** A real local HTTP server that behaves as each test tells it to. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Handler = (
  request: IncomingMessage & { body: string },
  response: ServerResponse,
) => void;

export interface Endpoint {
  readonly url: string;
  handle: Handler;
  /** Connections that were ever opened. */
  connections: number;
  close(): Promise<void>;
}

/** On a free port, or on that of one that was closed. */
export async function startEndpoint(onPort = 0): Promise<Endpoint> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts).toString("utf8");
      endpoint.handle(Object.assign(request, { body }), response);
    });
  });
  // Node's five seconds pass on a busy machine between two turns of the loop that both ends share:
  // the next request would meet a connection that is just being closed, and count as a failure.
  server.keepAliveTimeout = 600_000;
  await new Promise<void>((resolve) => server.listen(onPort, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const endpoint: Endpoint = {
    url: `http://127.0.0.1:${port}`,
    handle: (_request, response) => response.end(),
    connections: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  server.on("connection", () => {
    endpoint.connections += 1;
  });
  return endpoint;
}

export const delta = (content: string, finish: string | null = null): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`;

/** Answers with a stream of exactly these pieces. */
export function stream(...pieces: readonly (string | Uint8Array)[]): Handler {
  return (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    const waiting = [...pieces];
    const next = (): void => {
      const piece = waiting.shift();
      if (piece === undefined) {
        response.end();
        return;
      }
      response.write(piece);
      setImmediate(next);
    };
    next();
  };
}

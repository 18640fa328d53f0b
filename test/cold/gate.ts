/**
 * A TCP gate in front of a server: closed, it refuses connections as a dead server does; cut, it
 * breaks those that run. So an outage is tested without ending a server that other tests use.
 */

import { connect, createServer, type Server, type Socket } from "node:net";

export interface Gate {
  readonly port: number;
  /** Listens and forwards. */
  open(): Promise<void>;
  /** Refuses new connections and resets the running ones. */
  close(): Promise<void>;
}

/** Reserves a loopback port by binding it once; the gate starts closed. */
export async function createGate(target: { host: string; port: number }): Promise<Gate> {
  const sockets = new Set<Socket>();
  let server: Server | null = null;
  const port = await freePort();

  function forward(incoming: Socket): void {
    const outgoing = connect(target);
    for (const [from, to] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }

  return {
    port,
    open: () =>
      new Promise((resolve, reject) => {
        server = createServer(forward);
        server.once("error", reject);
        server.listen(port, "127.0.0.1", () => resolve());
      }),
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.resetAndDestroy();
        if (server === null) return resolve();
        server.close(() => resolve());
        server = null;
      }),
  };
}

/** The same, to `host:port`. */
export function gateTo(address: string): Promise<Gate> {
  const [host = "", port] = address.split(":");
  return createGate({ host, port: Number(port) });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

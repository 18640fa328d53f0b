/**
 * A dial of the NATS client that is given up gives its socket up, too.
 *
 * The client (2.29) leaves it open: against a server that takes connections and says nothing, a
 * frozen one, each attempt keeps one for as long as that lasts, eleven a minute and connection, and
 * a client that is closed keeps its process alive by the last of them.
 */

import { createConnection, type Socket } from "node:net";
import { NodeTransport } from "nats/lib/src/node_transport.js";

type Address = Parameters<NodeTransport["dial"]>[0];

const dialled = new WeakMap<NodeTransport, Socket>();
let isMended = false;

/** For every connection of this process. */
export function endAbandonedDials(): void {
  if (isMended) return;
  isMended = true;
  const { close } = NodeTransport.prototype;
  // As the client dials, and what it dials is known before it is connected.
  NodeTransport.prototype.dial = function remembered(address: Address): Promise<Socket> {
    return dialFor(this, address);
  };
  NodeTransport.prototype.close = function ended(error?: Error): Promise<void> {
    if (!this.connected) {
      dialled.get(this)?.destroy();
      // TLS wraps it, or is the first to open one.
      (this.socket as Socket | undefined)?.destroy();
    }
    return close.call(this, error);
  };
}

function dialFor(transport: NodeTransport, { hostname, port }: Address): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, hostname);
    dialled.set(transport, socket);
    let failure: Error | undefined;
    socket.once("connect", () => {
      socket.removeAllListeners();
      resolve(socket);
    });
    socket.on("error", (error) => {
      failure = error;
    });
    socket.once("close", () => {
      socket.removeAllListeners();
      reject(failure ?? new Error("the connection was closed before it was made"));
    });
    socket.setNoDelay(true);
  });
}

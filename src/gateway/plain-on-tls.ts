/**
 * Plain HTTP on a port that speaks TLS: most often an address with http:// where https:// is meant.
 * TLS ends such a connection with nothing that a client shows, so its first byte is looked at
 * before TLS gets it.
 *
 *   GP1  what begins as TLS goes to TLS, whole; all else gets one reply in plain text, and reaches
 *        no route;
 *   GP2  a connection that says nothing, or goes on talking, is closed after the time that a
 *        handshake has, and at once when the server closes.
 */

import type { Server, Socket } from "node:net";

/** The type of TLS's record for handshakes, with which each client begins. */
const tlsHandshake = 0x16;

interface PlainOptions {
  readonly waitMs: number;
  /** Writes a reply, and ends the connection. */
  readonly answer: (socket: Socket) => void;
}

/**
 * For a server that nobody else listens to yet.
 * @returns ends what has not said anything
 */
export function answerPlainRequests(server: Server, { waitMs, answer }: PlainOptions): () => void {
  const listeners = server.listeners("connection");
  server.removeAllListeners("connection");
  const waiting = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    const close = (): void => void socket.destroy();
    const tooLate = setTimeout(close, waitMs);
    const letGo = (): void => {
      clearTimeout(tooLate);
      waiting.delete(socket);
    };
    waiting.add(socket);
    socket.on("error", close).on("end", close).once("close", letGo);
    socket.once("data", (begin: Buffer) => {
      if (begin[0] !== tlsHandshake) {
        answer(socket);
        // What it still sends is read: a reset would overtake the reply.
        socket.resume();
        return;
      }
      letGo();
      socket.pause();
      socket.off("error", close).off("end", close).off("close", letGo);
      socket.unshift(begin);
      for (const listener of listeners) listener.call(server, socket);
    });
  });
  return () => {
    for (const socket of waiting) socket.destroy();
  };
}

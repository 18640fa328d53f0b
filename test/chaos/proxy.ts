/**
 * A TCP proxy on loopback that a network fault can happen to.
 *
 * Owns: its listener and the pairs of sockets that it joins. Never: looks into the bytes, or loses some of a
 * connection that lives on (TCP does not): what a partition holds back is delivered when it heals.
 */

import { connect, createServer, type Server, type Socket } from "node:net";

export interface Proxy {
  readonly port: number;
  /** Where new connections go; a restarted server may listen elsewhere. */
  retarget(port: number): void;
  /** Every stretch of bytes arrives so much later, in order; 0 ends it. */
  delay(ms: number): void;
  /** Resets the running connections; new ones are made as before. */
  reset(): void;
  hold(direction: Direction): void;
  /** Ends delay and partition. */
  heal(): void;
  close(): Promise<void>;
}

/** Seen from the client. */
export type Direction = "both" | "to-server" | "from-server";

interface Pipe {
  readonly direction: Exclude<Direction, "both">;
  readonly from: Socket;
  readonly to: Socket;
  /** Ends of the delays that are under way keep the order of the bytes. */
  tail: Promise<void>;
}

export async function startProxy(targetPort: number): Promise<Proxy> {
  const proxy = new LoopbackProxy(targetPort);
  await proxy.listen();
  return proxy;
}

class LoopbackProxy implements Proxy {
  #target: number;
  #delayMs = 0;
  #held: Direction | undefined;
  #port = 0;
  readonly #server: Server;
  readonly #pipes = new Set<Pipe>();
  readonly #sockets = new Set<Socket>();

  constructor(target: number) {
    this.#target = target;
    this.#server = createServer({ noDelay: true }, (client) => this.#join(client));
  }

  get port(): number {
    return this.#port;
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, "127.0.0.1", () => {
        const address = this.#server.address();
        if (typeof address === "object" && address !== null) this.#port = address.port;
        resolve();
      });
    });
  }

  retarget(port: number): void {
    this.#target = port;
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  hold(direction: Direction): void {
    this.#held = direction;
    for (const pipe of this.#pipes) if (this.#holds(pipe)) pipe.from.pause();
  }

  heal(): void {
    this.#delayMs = 0;
    this.#held = undefined;
    for (const { from } of this.#pipes) from.resume();
  }

  close(): Promise<void> {
    this.reset();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #holds({ direction }: Pick<Pipe, "direction">): boolean {
    return this.#held === "both" || this.#held === direction;
  }

  #join(client: Socket): void {
    const server = connect({ port: this.#target, host: "127.0.0.1", noDelay: true });
    this.#forward({ direction: "to-server", from: client, to: server, tail: idle });
    this.#forward({ direction: "from-server", from: server, to: client, tail: idle });
  }

  #forward(pipe: Pipe): void {
    const { from, to } = pipe;
    this.#pipes.add(pipe);
    this.#sockets.add(from);
    from.on("data", (bytes) => this.#carry(pipe, bytes));
    from.on("drain", () => this.#resumeInto(from));
    from.on("end", () => void pipe.tail.then(() => to.end()));
    from.on("error", () => to.resetAndDestroy());
    from.on("close", () => {
      this.#pipes.delete(pipe);
      this.#sockets.delete(from);
      void pipe.tail.then(() => to.destroy());
    });
    if (this.#holds(pipe)) from.pause();
  }

  /** Whoever feeds this socket may go on, unless a partition holds it. */
  #resumeInto(socket: Socket): void {
    for (const pipe of this.#pipes) {
      if (pipe.to === socket && !this.#holds(pipe)) pipe.from.resume();
    }
  }

  #carry(pipe: Pipe, bytes: Buffer): void {
    const { from, to } = pipe;
    const write = (): void => {
      if (to.writable && !to.write(bytes)) from.pause();
    };
    if (this.#delayMs === 0 && pipe.tail === idle) return write();
    const due = this.#delayMs;
    const tail = Promise.all([pipe.tail, later(due)]).then(write);
    pipe.tail = tail;
    void tail.then(() => {
      if (pipe.tail === tail) pipe.tail = idle;
    });
  }
}

const idle = Promise.resolve();

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Where the server's answers to pulls arrive, taken one by one.
 *
 * Owns: a subscription and what arrived on it. It holds at most one pull, because the reader has
 * one open.
 * Never: works inside the client's callback.
 */

import { createInbox, type Msg, type Subscription } from "nats";
import { waitAtMost } from "../../runtime/deadline.ts";
import type { NatsContext } from "./connection.ts";

export class NatsInbox {
  readonly #subject = createInbox();
  readonly #context: NatsContext;
  readonly #subscription: Subscription;
  readonly #signal: AbortSignal | undefined;
  readonly #endReconnect: () => void;
  #messages: Msg[] = [];
  #head = 0;
  #cutOff = false;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(context: NatsContext, signal: AbortSignal | undefined) {
    this.#context = context;
    this.#signal = signal;
    this.#subscription = context.connection.subscribe(`${this.#subject}.*`, {
      callback: (error, msg) => {
        if (error === null) this.#messages.push(msg);
        else this.#cutOff = true;
        this.#wake?.();
      },
    });
    void this.#subscription.closed.then(() => this.#end("cut-off"));
    // The server drops open pulls with the connection, so nothing more would come.
    this.#endReconnect = context.onReconnect(() => this.#end("cut-off"));
    signal?.addEventListener("abort", this.#abort, { once: true });
    if (signal?.aborted === true) this.#abort();
  }

  /** Where the server answers pull number `pull`. */
  replyOf(pull: number): string {
    return `${this.#subject}.${pull}`;
  }

  /** Stored messages come under their own subject, words of the server under that of the pull. */
  isStatus(msg: Msg): boolean {
    return msg.subject.startsWith(this.#subject);
  }

  /** The next message; `silent` when none came in time or the connection was replaced. */
  async take(silenceMs: number): Promise<Msg | "silent" | "closed"> {
    if (this.#closed) return "closed";
    const ready = this.#shift();
    if (ready !== undefined) return ready;
    if (this.#cutOff) return "silent";
    await this.#arrival(silenceMs);
    if (this.#closed) return "closed";
    return this.#shift() ?? "silent";
  }

  close(): void {
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#endReconnect();
    if (!this.#subscription.isClosed()) this.#subscription.unsubscribe();
    this.#end("closed");
  }

  readonly #abort = (): void => this.#end("closed");

  #end(how: "closed" | "cut-off"): void {
    if (how === "closed") this.#closed = true;
    else this.#cutOff = true;
    this.#wake?.();
  }

  async #arrival(silenceMs: number): Promise<void> {
    const arrived = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await waitAtMost(this.#context.clock, silenceMs, arrived);
    this.#wake = undefined;
  }

  #shift(): Msg | undefined {
    const msg = this.#messages[this.#head];
    if (msg === undefined) return undefined;
    this.#head += 1;
    if (this.#head === this.#messages.length) {
      this.#messages = [];
      this.#head = 0;
    }
    return msg;
  }
}

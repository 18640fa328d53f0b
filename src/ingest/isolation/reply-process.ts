/**
 * A child process as a conversation over its IPC channel: what it says is heard in order, its
 * silence and its end are heard, too. Whose child it is decides what it is asked, and for how long
 * it is waited for.
 */

import type { ChildProcess, Serializable } from "node:child_process";
import type { Clock } from "../../runtime/clock.ts";
import { waitRunningAtMost } from "../../runtime/sleep-running.ts";

export class ReplyProcess<Request extends Serializable, Reply> {
  readonly #process: ChildProcess;
  readonly #clock: Clock;
  readonly #heard: Reply[] = [];
  readonly #gone = Promise.withResolvers<void>();
  #ended = false;
  #wake: () => void = () => {};

  constructor(process: ChildProcess, clock: Clock) {
    this.#process = process;
    this.#clock = clock;
    process.on("message", (reply) => {
      this.#heard.push(reply as Reply);
      this.#wake();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake();
      this.#gone.resolve();
    };
    process.once("exit", end);
    // A process that cannot even be started has no exit.
    process.once("error", () => {
      if (process.pid === undefined) end();
    });
  }

  get alive(): boolean {
    return !this.#ended;
  }

  async kill(): Promise<void> {
    if (this.#ended) return;
    // Its end is waited for, also where its owner let it go on alone.
    this.#process.ref();
    this.#process.kill("SIGKILL");
    await this.#gone.promise;
  }

  /** A channel that is broken is a child that ends: the next reply says so. */
  send(request: Request): void {
    this.#process.send(request, () => {});
  }

  /** The next thing that it says, or that it does not. */
  async next(
    withinMs: number,
    signal?: AbortSignal,
  ): Promise<Reply | "silent" | "ended" | "aborted"> {
    if (this.#heard.length === 0 && !this.#ended && signal?.aborted !== true) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await waitRunningAtMost(this.#clock, withinMs, { promise, signal });
    }
    const reply = this.#heard.shift();
    if (reply !== undefined) return reply;
    if (this.#ended) return "ended";
    return signal?.aborted === true ? "aborted" : "silent";
  }
}

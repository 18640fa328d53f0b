/**
 * A worker thread as a conversation: what it says is heard in order, and its end is the last word.
 * Whose thread it is decides what it is asked, and how long it may take.
 */

import { type TransferListItem, Worker } from "node:worker_threads";
import { limits } from "../../contract/limits.ts";
import type { Clock } from "../../runtime/clock.ts";
import { waitAtMost } from "../../runtime/deadline.ts";
import { endThread } from "./thread-end.ts";

/** The thread is gone, and why, if it said so. */
export interface ThreadEnded {
  readonly kind: "ended";
  readonly cause: unknown;
}

export interface ReplyThreadOptions {
  readonly workerData: unknown;
  readonly heapMiBMax: number;
  /** Set where it runs native code: its program ends when it is asked to (`endWhenAsked`). */
  readonly native?: { readonly clock: Clock } | undefined;
}

export class ReplyThread<Request, Reply> {
  readonly #worker: Worker;
  readonly #native: ReplyThreadOptions["native"];
  readonly #exited: Promise<void>;
  readonly #heard: (Reply | ThreadEnded)[] = [];
  #wake: () => void = () => {};
  #hasEnded = false;

  constructor(url: URL, options: ReplyThreadOptions) {
    const { workerData, heapMiBMax, native } = options;
    this.#native = native;
    const resourceLimits = { maxOldGenerationSizeMb: heapMiBMax };
    this.#worker = new Worker(url, { workerData, resourceLimits });
    let cause: unknown;
    this.#worker.on("message", (reply: Reply) => this.#hear(reply));
    this.#worker.on("error", (error) => {
      cause = error;
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.on("exit", () => {
        this.#hasEnded = true;
        this.#hear({ kind: "ended", cause });
        resolve();
      });
    });
    // It does not keep a process alive that has nothing else to do.
    this.#worker.unref();
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  send(request: Request, transfer: readonly TransferListItem[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  /** One caller at a time. Resolves for certain once the thread has ended. */
  async next(): Promise<Reply | ThreadEnded> {
    for (;;) {
      const heard = this.#heard.shift();
      if (heard !== undefined) return heard;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /**
   * Resolves when it has ended. One that runs native code is asked first: ended from outside in the
   * middle of a run, it aborts the whole process. What does not hear within the bound computes in
   * JavaScript for ever, and may be ended so.
   */
  async end(): Promise<void> {
    if (this.#native !== undefined && !this.#hasEnded) {
      this.#worker.postMessage(endThread);
      await waitAtMost(this.#native.clock, limits.nativeThreadEndMs, this.#exited);
    }
    await this.#worker.terminate();
  }

  #hear(heard: Reply | ThreadEnded): void {
    this.#heard.push(heard);
    this.#wake();
  }
}

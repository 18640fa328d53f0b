/**
 * A worker thread as a conversation: what it says is heard in order, and its end is the last word.
 * Whose thread it is decides what it is asked, and how long it may take.
 */

import { type TransferListItem, Worker } from "node:worker_threads";

/** The thread is gone, and why, if it said so. */
export interface ThreadEnded {
  readonly kind: "ended";
  readonly cause: unknown;
}

export class ReplyThread<Request, Reply> {
  readonly #worker: Worker;
  readonly #heard: (Reply | ThreadEnded)[] = [];
  #wake: () => void = () => {};
  #hasEnded = false;

  constructor(url: URL, options: { readonly workerData: unknown; readonly heapMiBMax: number }) {
    const { workerData, heapMiBMax } = options;
    const resourceLimits = { maxOldGenerationSizeMb: heapMiBMax };
    this.#worker = new Worker(url, { workerData, resourceLimits });
    let cause: unknown;
    this.#worker.on("message", (reply: Reply) => this.#hear(reply));
    this.#worker.on("error", (error) => {
      cause = error;
    });
    this.#worker.on("exit", () => {
      this.#hasEnded = true;
      this.#hear({ kind: "ended", cause });
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

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #hear(heard: Reply | ThreadEnded): void {
    this.#heard.push(heard);
    this.#wake();
  }
}

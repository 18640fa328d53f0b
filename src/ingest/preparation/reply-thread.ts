/**
 * A worker thread as a conversation: what it says is heard in order, and its end is the last word.
 * Whose thread it is decides what it is asked, and how long it may take.
 */

import { type TransferListItem, Worker } from "node:worker_threads";
import type { NativeGateKeeper } from "../../runtime/native-gate.ts";

/** The thread is gone, and why, if it said so. */
export interface ThreadEnded {
  readonly kind: "ended";
  readonly cause: unknown;
}

export interface ReplyThreadOptions {
  readonly workerData: unknown;
  readonly heapMiBMax: number;
  /** Of a thread that calls native code; the thread got its memory with `workerData`. */
  readonly gate?: NativeGateKeeper | undefined;
}

export class ReplyThread<Request, Reply> {
  readonly #worker: Worker;
  readonly #gate: NativeGateKeeper | undefined;
  readonly #heard: (Reply | ThreadEnded)[] = [];
  #wake: () => void = () => {};
  #hasEnded = false;

  constructor(url: URL, { workerData, heapMiBMax, gate }: ReplyThreadOptions) {
    this.#gate = gate;
    const resourceLimits = { maxOldGenerationSizeMb: heapMiBMax };
    this.#worker = new Worker(url, { workerData, resourceLimits });
    let cause: unknown;
    this.#worker.on("message", (reply: Reply) => this.#hear(reply));
    this.#worker.on("error", (error) => {
      cause = error;
    });
    this.#worker.on("exit", () => {
      this.#hasEnded = true;
      gate?.forget();
      this.#hear({ kind: "ended", cause });
    });
    // It does not keep a process alive that has nothing else to do.
    this.#worker.unref();
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Since it began. Resolves when it is let run, and never once it has ended. */
  async computedMs(): Promise<number> {
    const usage = await this.#worker.cpuUsage().catch(() => new Promise<never>(() => {}));
    return (usage.user + usage.system) / 1_000;
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

  /** A thread in a native call that hangs is left alone (NG2). */
  async end(): Promise<void> {
    // Nothing else may keep the process alive while the native call in hand ends.
    this.#worker.ref();
    if ((await this.#gate?.close()) === false) this.#worker.unref();
    else await this.#worker.terminate();
  }

  #hear(heard: Reply | ThreadEnded): void {
    this.#heard.push(heard);
    this.#wake();
  }
}

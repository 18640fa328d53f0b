/**
 * One thread that prepares documents, started when it is needed.
 *
 * Owns: the thread, and the document that it works on.
 * Never: works on two documents at once, or keeps a thread that took too long.
 *
 *   PL1  every `run` settles: with what the document became, or with an error of the port (preparation.ts);
 *   PL2  a thread that ends with a document in hand, or works on it for `deadlineMs`, is gone, and the document is lost
 *        (embedding/failures.ts): whoever has it takes it into isolation. It is plain JavaScript, so it can be terminated;
 *   PL3  a thread that does not start blames no document: `embedding_unavailable`.
 */

import { Worker } from "node:worker_threads";
import { errorFromBody, FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import { lostError } from "../../embedding/failures.ts";
import type { Clock } from "../../runtime/clock.ts";
import { sleepRunning } from "../../runtime/sleep-running.ts";
import type { Prepared } from "../prepared.ts";
import type { PrepareJob } from "./preparation.ts";
import {
  type PrepareReply,
  type PrepareRequest,
  type PrepareWorkerSettings,
  unpackPrepared,
} from "./protocol.ts";

export interface PrepareLaneOptions {
  readonly workerUrl: URL;
  readonly settings: PrepareWorkerSettings;
  readonly clock: Clock;
  /** The longest that the thread may work on one document. */
  readonly deadlineMs: number;
  /** The longest that a thread may take to start. */
  readonly readyMs: number;
  readonly onPrepared: (ms: number) => void;
}

/** What a thread says next, or what becomes of it instead. */
type Heard =
  | PrepareReply
  | { readonly kind: "ended"; readonly cause: unknown }
  | { readonly kind: "silent" };

export class PrepareLane {
  readonly #options: PrepareLaneOptions;
  #thread: Thread | undefined;

  constructor(options: PrepareLaneOptions) {
    this.#options = options;
  }

  /** Whether a document would not have to wait for a thread to start. */
  get isStarted(): boolean {
    return this.#thread !== undefined;
  }

  async run({ payload, documentTextBytesMax, named }: PrepareJob): Promise<Prepared> {
    const thread = await this.#started();
    // A copy, handed over: the payload may be part of a larger buffer, and is needed again if the thread is lost.
    const copy = new Uint8Array(payload);
    thread.send({ payload: copy, documentTextBytesMax });
    const over = new AbortController();
    const deadline = sleepRunning(this.#options.clock, this.#options.deadlineMs, over.signal);
    try {
      for (;;) {
        const heard = await thread.next(deadline);
        switch (heard.kind) {
          case "named":
            named(heard.documentId);
            break;
          case "prepared":
            this.#options.onPrepared(heard.ms);
            return unpackPrepared(heard.prepared);
          case "failed":
            throw errorFromBody(heard.error) ?? new FreshetError("internal");
          case "ready":
            break;
          case "ended":
            throw await this.#lost("the thread that prepared the document ended", heard.cause);
          case "silent":
            throw await this.#lost("preparing the document takes too long");
        }
      }
    } finally {
      over.abort();
    }
  }

  async close(): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.end();
  }

  async #lost(message: string, cause?: unknown): Promise<FreshetError> {
    await this.close();
    return lostError(message, cause);
  }

  async #started(): Promise<Thread> {
    if (this.#thread !== undefined && !this.#thread.hasEnded) return this.#thread;
    const { workerUrl, settings, clock, readyMs } = this.#options;
    const thread = new Thread(workerUrl, settings);
    this.#thread = thread;
    const over = new AbortController();
    const heard = await thread.next(sleepRunning(clock, readyMs, over.signal));
    over.abort();
    if (heard.kind === "ready") return thread;
    await this.close();
    const cause = heard.kind === "ended" ? heard.cause : undefined;
    const message = "the thread that prepares documents does not start";
    throw new FreshetError("embedding_unavailable", message, { cause });
  }
}

/** A worker thread as a conversation. */
class Thread {
  readonly #worker: Worker;
  readonly #heard: Heard[] = [];
  #wake: () => void = () => {};
  hasEnded = false;

  constructor(url: URL, settings: PrepareWorkerSettings) {
    const resourceLimits = { maxOldGenerationSizeMb: limits.prepareHeapMiBMax };
    this.#worker = new Worker(url, { workerData: settings, resourceLimits });
    let cause: unknown;
    this.#worker.on("message", (reply: PrepareReply) => this.#hear(reply));
    this.#worker.on("error", (error) => {
      cause = error;
    });
    this.#worker.on("exit", () => {
      this.hasEnded = true;
      this.#hear({ kind: "ended", cause });
    });
    // A process that has nothing else to do does not stay for it.
    this.#worker.unref();
  }

  send(request: PrepareRequest & { readonly payload: Uint8Array<ArrayBuffer> }): void {
    this.#worker.postMessage(request, [request.payload.buffer]);
  }

  /** @param time resolves when nothing more is waited for */
  async next(time: Promise<void>): Promise<Heard> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    if (this.#heard.length === 0) await Promise.race([woken, time]);
    return this.#heard.shift() ?? { kind: "silent" };
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #hear(heard: Heard): void {
    this.#heard.push(heard);
    this.#wake();
  }
}

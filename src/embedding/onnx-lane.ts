/**
 * One worker, a thread or a process, with its queues, kept alive. It serves one lane, or both where
 * a device takes one session only.
 *
 * Owns: the worker, the batches that wait for it and those that it works on, its restarts.
 * Never does: batching, validation of vectors.
 * Receives: `run` and `close`. Sends: `WorkerRequest` to the worker.
 *
 * OL1  Every `run` settles: with vectors, or with one of the port's errors.
 * OL2  When the worker ends unasked, what it had in hand is lost (`failures.ts`): it may be the
 *    reason. What waited rejects with `embedding_unavailable`, and the worker is started again
 *    after a pause that doubles up to a bound and falls back when a start works.
 * OL3  A caller that aborts is answered at once; a batch that the worker has not got yet is never
 *    sent.
 * OL4  A thread is asked to end, never terminated: that can crash native code that is running.
 *    For the same reason a process must await `close` before `process.exit`: seen with
 *    onnxruntime-node 1.30, an exit while a batch runs aborts the process (SIGABRT, code 134);
 *    while idle it does no harm.
 * OL5  A worker that has not answered for `hangMs` is given up, as if it had ended. A process is
 *    killed; a thread is asked to end should it ever come back, and keeps its core until then. With
 *    `embedHungThreadsMax` that have not ended only a new engine helps: `onHopeless`. So is one
 *    that is not ready after `startMs`, as with a driver that hangs: the next start may work.
 * OL6  Each lane has room of its own at the worker, so a question is there, and first, while ingest
 *    fills its own.
 */

import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import { backoffMs } from "../runtime/backoff.ts";
import type { Clock } from "../runtime/clock.ts";
import { settled, waitAtMost } from "../runtime/deadline.ts";
import { sleepRunning } from "../runtime/sleep-running.ts";
import { checkNotAborted } from "./checks.ts";
import { lostError } from "./failures.ts";
import { type HeardReply, startWorker, type WorkerHost, type WorkerStart } from "./onnx-host.ts";
import type { PackedBatch } from "./onnx-protocol.ts";
import type { EmbedOptions, Lane } from "./port.ts";

export interface LaneLogger {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface LaneOptions extends WorkerStart {
  /** Which lanes it serves. */
  readonly lanes: readonly Lane[];
  readonly clock: Clock;
  readonly logger?: LaneLogger | undefined;
  /** The longest that the worker may work on one batch. */
  readonly hangMs: number;
  /** The longest that it may take to be ready; `limits.embedStartMs` by default. */
  readonly startMs?: number | undefined;
  /** Called when workers hang that only the engine's end can end. */
  readonly onHopeless: () => void;
}

interface Job {
  readonly id: number;
  readonly lane: Lane;
  readonly batch: PackedBatch;
  settle(result: Float32Array | FreshetError): void;
}

type State =
  | { readonly kind: "starting"; readonly worker: WorkerHost }
  | { readonly kind: "ready"; readonly worker: WorkerHost }
  | { readonly kind: "down" }
  | { readonly kind: "closing" };

const restartPauses = {
  backoffMinMs: limits.restartBackoffMinMs,
  backoffMaxMs: limits.restartBackoffMaxMs,
};

const givenUp = new WeakSet<WorkerHost>();

export class OnnxLane {
  readonly #options: LaneOptions;
  /** Questions first: `#sendNext` takes them in this order. */
  readonly #waiting: Readonly<Record<Lane, Job[]>> = { query: [], ingest: [] };
  readonly #sent = new Map<number, Job>();
  readonly #closed = new AbortController();
  #state: State = { kind: "down" };
  #ended: Promise<void> = Promise.resolve();
  #nextId = 1;
  #failures = 0;
  /** Workers that were given up and have not ended. */
  #hung = 0;
  /** Ends the watch over the batch that the worker is at. */
  #watch: AbortController | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /**
   * Starts the first worker; throws `embedding_unavailable` with the cause when it cannot start.
   */
  async start(): Promise<void> {
    const failure = await this.#startWorker();
    if (failure === undefined) return;
    this.#state = { kind: "closing" };
    const message = `the embedding worker does not start: ${failure.message}`;
    throw new FreshetError("embedding_unavailable", message, {
      details: { lane: this.#name },
      cause: failure,
    });
  }

  /** Vectors of the batch's rows, one after the other. */
  run(batch: PackedBatch, { lane, signal }: EmbedOptions): Promise<Float32Array> {
    checkNotAborted(signal);
    if (this.#state.kind !== "ready") throw this.#unavailable();
    if (this.#waiting[lane].length >= limits.embedPendingBatchesMax) {
      throw new FreshetError("overloaded", "the embedding queue is full");
    }
    return new Promise((resolve, reject) => {
      const job: Job = {
        id: this.#nextId++,
        lane,
        batch,
        settle: (result) => {
          signal?.removeEventListener("abort", abort);
          if (result instanceof FreshetError) reject(result);
          else resolve(result);
        },
      };
      const abort = (): void => this.#abandon(job);
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting[lane].push(job);
      this.#sendNext();
    });
  }

  async close(): Promise<void> {
    const { kind } = this.#state;
    if (kind !== "closing") {
      const worker = this.#worker();
      this.#state = { kind: "closing" };
      this.#closed.abort();
      this.#watch?.abort(settled);
      for (const job of this.#takeWaiting()) job.settle(this.#unavailable());
      worker?.post({ kind: "close" });
    }
    // A worker that hangs in native code must not hang the shutdown; the engine's end ends it.
    await waitAtMost(this.#options.clock, limits.stopMs, this.#ended);
  }

  get #name(): string {
    return this.#options.lanes.join(" and ");
  }

  #takeWaiting(): Job[] {
    return Object.values(this.#waiting).flatMap((jobs) => jobs.splice(0));
  }

  #worker(): WorkerHost | undefined {
    return this.#state.kind === "starting" || this.#state.kind === "ready"
      ? this.#state.worker
      : undefined;
  }

  /** Resolves with undefined once the worker is ready, or with the reason why it ended before. */
  #startWorker(): Promise<Error | undefined> {
    const worker = startWorker(this.#options);
    this.#state = { kind: "starting", worker };
    let endedResolve: () => void = () => undefined;
    this.#ended = new Promise((resolve) => {
      endedResolve = resolve;
    });
    const starting = new AbortController();
    return new Promise<Error | undefined>((resolve) => {
      const over = AbortSignal.any([starting.signal, this.#closed.signal]);
      this.#watchStart(worker, over, resolve);
      worker.onReply((reply) => {
        if (this.#worker() !== worker && this.#state.kind !== "closing") return;
        if (reply.kind === "ready") {
          this.#onReady(worker);
          resolve(undefined);
        } else this.#onResult(reply);
      });
      worker.onEnd((reason) => {
        if (givenUp.has(worker)) {
          this.#hung -= 1;
          return;
        }
        const started = this.#state.kind === "ready";
        this.#onExit(reason);
        endedResolve();
        resolve(reason);
        if (started) void this.#restart();
      });
    }).finally(() => starting.abort(settled));
  }

  #watchStart(worker: WorkerHost, over: AbortSignal, failed: (reason: Error) => void): void {
    const { clock, startMs = limits.embedStartMs } = this.#options;
    void sleepRunning(clock, startMs, over).then(() => {
      if (over.aborted || this.#worker() !== worker) return;
      const reason = new Error("the embedding worker does not get ready");
      this.#letGo(worker, reason);
      failed(reason);
    });
  }

  #onReady(worker: WorkerHost): void {
    if (this.#state.kind !== "starting") return;
    this.#state = { kind: "ready", worker };
    this.#sendNext();
  }

  #onResult(reply: Exclude<HeardReply, { kind: "ready" }>): void {
    const job = this.#sent.get(reply.id);
    this.#sent.delete(reply.id);
    this.#watchNext();
    if (reply.kind === "embedded") {
      // The pause falls back only after real work: a graph that dies on its first batch keeps
      // backing off.
      this.#failures = 0;
      job?.settle(reply.vectors);
    } else {
      const message = "the model refused a batch";
      job?.settle(
        new FreshetError("embedding_failed", message, { cause: new Error(reply.message) }),
      );
    }
    this.#sendNext();
  }

  #onExit(reason: Error): void {
    const inHand = [...this.#sent.values()];
    const waiting = this.#takeWaiting();
    this.#sent.clear();
    this.#watch?.abort(settled);
    const closing = this.#state.kind === "closing";
    if (!closing) {
      this.#state = { kind: "down" };
      const pending = inHand.length + waiting.length;
      this.#options.logger?.warn(
        { lane: this.#name, error: String(reason), pending },
        "embedding worker ended",
      );
    }
    const lost = lostError("the embedding worker ended with the batch in hand", reason);
    for (const job of inHand) job.settle(closing ? this.#unavailable(reason) : lost);
    for (const job of waiting) job.settle(this.#unavailable(reason));
  }

  /** Watches over the worker while it has batches: from one reply to the next. */
  #watchNext(): void {
    this.#watch?.abort(settled);
    const state = this.#state;
    if (this.#sent.size === 0 || state.kind !== "ready") return;
    const watch = new AbortController();
    this.#watch = watch;
    const { clock, hangMs } = this.#options;
    void sleepRunning(clock, hangMs, watch.signal).then(() => {
      if (!watch.signal.aborted) this.#giveUp(state.worker);
    });
  }

  #giveUp(worker: WorkerHost): void {
    this.#letGo(worker, new Error("the embedding worker hangs"));
    void this.#restart();
  }

  #letGo(worker: WorkerHost, reason: Error): void {
    givenUp.add(worker);
    this.#hung += 1;
    worker.giveUp();
    this.#ended = Promise.resolve();
    this.#onExit(reason);
    if (this.#hung >= limits.embedHungThreadsMax) this.#options.onHopeless();
  }

  async #restart(): Promise<void> {
    while (this.#state.kind === "down") {
      const pauseMs = backoffMs(restartPauses, this.#failures);
      this.#failures += 1;
      await this.#options.clock.sleep(pauseMs, this.#closed.signal);
      if (this.#closed.signal.aborted) return;
      if ((await this.#startWorker()) === undefined) return;
    }
  }

  #sendNext(): void {
    for (const lane of ["query", "ingest"] as const) {
      while (this.#state.kind === "ready" && this.#sentOf(lane) < limits.embedSentBatchesMax) {
        const job = this.#waiting[lane].shift();
        if (job === undefined) break;
        this.#sent.set(job.id, job);
        if (this.#sent.size === 1) this.#watchNext();
        const { buffer } = job.batch;
        this.#state.worker.post({ kind: "embed", id: job.id, lane, ...job.batch }, [buffer]);
      }
    }
  }

  #sentOf(lane: Lane): number {
    return [...this.#sent.values()].filter((job) => job.lane === lane).length;
  }

  #abandon(job: Job): void {
    const waiting = this.#waiting[job.lane];
    const index = waiting.indexOf(job);
    if (index >= 0) waiting.splice(index, 1);
    job.settle(new FreshetError("cancelled"));
  }

  #unavailable(cause?: unknown): FreshetError {
    const closing = this.#state.kind === "closing";
    return new FreshetError(
      "embedding_unavailable",
      closing ? "the embedder is closed" : "the embedder is restarting",
      { details: { lane: this.#name }, cause },
    );
  }
}

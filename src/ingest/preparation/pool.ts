/**
 * Documents are prepared in a few threads; small ones at once on the calling thread, where they
 * take less time than the transfer.
 *
 * Owns: the threads, and what waits for them. Never: lets one tenant's documents delay another's.
 *
 *   PP1  every `prepare` settles, also when its caller goes or the pool closes;
 *   PP2  a document that ends its thread or takes too long harms no other: the next thread runs
 *        what waits;
 *   PP3  tenants take turns, and no tenant has more than `waitingPerTenantMax` documents waiting.
 */

import { FreshetError } from "../../contract/errors.ts";
import type { TenantId } from "../../contract/ids.ts";
import type { Logger, Metrics } from "../../contract/observation.ts";
import { isLost } from "../../embedding/failures.ts";
import type { Clock } from "../../runtime/clock.ts";
import { raceAbort } from "../../runtime/race-abort.ts";
import type { Prepared } from "../prepare-payload.ts";
import type { Preparer } from "../preparer.ts";
import { inlinePreparation } from "./inline.ts";
import type { Preparation, PrepareJob } from "./port.ts";
import type { PrepareWorkerSettings } from "./protocol.ts";
import { PrepareQueue } from "./queue.ts";
import { PreparingThread } from "./thread-client.ts";

export interface PreparationPoolOptions {
  readonly settings: PrepareWorkerSettings;
  /** The program of the threads. */
  readonly workerUrl: URL;
  /** For what is prepared at once. */
  readonly preparerOf: (tenant: TenantId) => Preparer;
  /** Under which a thread redacts the tenant's documents. */
  readonly redactionKeyOf: (tenant: TenantId) => Uint8Array;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly limits: {
    readonly threadsMax: number;
    readonly inlineBytesMax: number;
    readonly waitingPerTenantMax: number;
    readonly deadlineMs: number;
    readonly readyMs: number;
  };
}

export function createPreparationPool(options: PreparationPoolOptions): Preparation {
  return new PreparationPool(options);
}

interface Waiting extends PrepareJob {
  readonly signal: AbortSignal;
  readonly resolve: (prepared: Prepared) => void;
  readonly reject: (error: unknown) => void;
}

class PreparationPool implements Preparation {
  readonly #options: PreparationPoolOptions;
  readonly #inline: Preparation;
  readonly #queue: PrepareQueue<Waiting>;
  readonly #idle: PreparingThread[];
  readonly #threads: readonly PreparingThread[];
  #closed = false;

  constructor(options: PreparationPoolOptions) {
    const { clock, metrics, limits } = options;
    this.#options = options;
    this.#inline = inlinePreparation(options);
    this.#queue = new PrepareQueue(limits.waitingPerTenantMax);
    const thread = (): PreparingThread =>
      new PreparingThread({
        workerUrl: options.workerUrl,
        settings: options.settings,
        redactionKeyOf: options.redactionKeyOf,
        clock,
        deadlineMs: limits.deadlineMs,
        readyMs: limits.readyMs,
        onPrepared: (ms) => metrics.observe("ingest_prepare_seconds", ms / 1000),
      });
    this.#threads = Array.from({ length: limits.threadsMax }, thread);
    this.#idle = [...this.#threads];
  }

  async prepare(job: PrepareJob, signal: AbortSignal): Promise<Prepared> {
    const { limits } = this.#options;
    if (job.payload.byteLength <= limits.inlineBytesMax) return this.#inline.prepare(job, signal);
    if (this.#closed || signal.aborted) throw new FreshetError("cancelled");
    const { promise, resolve, reject } = Promise.withResolvers<Prepared>();
    const waiting: Waiting = { ...job, signal, resolve, reject };
    if (!this.#queue.push(job.tenant, waiting))
      throw new FreshetError("overloaded", "too many of the tenant's documents wait");
    this.#dispatch();
    return raceAbort(promise, signal).finally(() => this.#queue.remove(job.tenant, waiting));
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#queue.takeAll()) reject(new FreshetError("cancelled"));
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #dispatch(): void {
    while (this.#idle.length > 0 && !this.#closed) {
      const job = this.#queue.next();
      if (job === undefined) return;
      // A second thread is started only when the first is busy.
      const started = this.#idle.findIndex((thread) => thread.isStarted);
      const [thread] = this.#idle.splice(Math.max(0, started), 1);
      if (thread !== undefined) void this.#run(thread, job);
    }
  }

  async #run(thread: PreparingThread, job: Waiting): Promise<void> {
    const { logger } = this.#options;
    try {
      job.resolve(await thread.run(job));
    } catch (thrown) {
      // Its text stays out of log lines (I10), and its owner says which one it was.
      if (isLost(thrown) && !this.#closed) logger.warn({}, "a thread that prepares was lost");
      job.reject(this.#closed ? new FreshetError("cancelled") : thrown);
    } finally {
      this.#idle.push(thread);
      this.#dispatch();
    }
  }
}

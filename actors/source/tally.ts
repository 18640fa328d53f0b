/** What a source has done so far: counted in memory, stored now and then, told as metrics. */

import { limits } from "../../src/contract/limits.ts";
import type { Metrics } from "../../src/contract/observation.ts";
import {
  type Mapped,
  noCounts,
  type SourceCounts,
  type SourceState,
} from "../../src/contract/source.ts";
import type { SourceStore, StreamSource } from "../../src/ingest/sources/port.ts";
import type { Clock } from "../../src/runtime/clock.ts";

export interface TallyOptions {
  readonly source: StreamSource;
  readonly node: string;
  readonly store: Pick<SourceStore, "putState">;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

const otherReasons = "other reasons";

export class SourceTally {
  readonly #options: TallyOptions;
  #counts: SourceCounts = noCounts;
  #settledAtMs: number;
  #sequence: number | undefined;
  #storedMs = Number.NEGATIVE_INFINITY;
  #trouble: string | undefined;
  /** What is stored in a moment. */
  #owed: Promise<void> | undefined;
  readonly #ended = new AbortController();
  /** As it was found, with what a later Freshet keeps in it. */
  #begun: Partial<SourceState> = {};

  constructor(options: TallyOptions) {
    this.#options = options;
    this.#settledAtMs = options.source.createdAtMs;
  }

  begin(state: SourceState | null): void {
    if (state === null) return;
    const { trouble: _, ...begun } = state;
    this.#begun = begun;
    this.#counts = state.counts;
    this.#settledAtMs = state.settledAtMs;
    this.#sequence = state.sequence;
  }

  /** Everything of the stream up to here is acknowledged. */
  acknowledged(sequence: number): void {
    this.#sequence = sequence;
  }

  count(mapped: Mapped): void {
    const { metrics, source } = this.#options;
    const outcome = mapped.kind === "operations" ? "mapped" : mapped.kind;
    metrics.count("source_events_total", { source: source.name, outcome });
    this.#counts = { ...this.#counts, [outcome]: this.#counts[outcome] + 1 };
    if (mapped.kind !== "skipped") return;
    const reasons = this.#counts.skippedByReason;
    const isKnown = Object.hasOwn(reasons, mapped.reason);
    const isFull = Object.keys(reasons).length >= limits.sourceSkipReasonsMax;
    const reason = isKnown || !isFull ? mapped.reason : otherReasons;
    const skippedByReason = { ...reasons, [reason]: (reasons[reason] ?? 0) + 1 };
    this.#counts = { ...this.#counts, skippedByReason };
  }

  published(operations: number): void {
    const { metrics, source } = this.#options;
    metrics.count("source_operations_total", { source: source.name }, operations);
    this.#counts = { ...this.#counts, operations: this.#counts.operations + operations };
  }

  /** Everything before this moment, by the log's clock, is acknowledged. */
  async settle(atMs: number): Promise<void> {
    this.#settledAtMs = atMs;
    await this.store();
  }

  /**
   * The same, as often as states are stored. What is not told now is told when it may be: the next
   * event may be days away.
   */
  async settleNowAndThen(nowMs: () => Promise<number>): Promise<void> {
    const gone = this.#options.clock.monotonicMs() - this.#storedMs;
    if (gone >= limits.sourceStateEveryMs) await this.settle(await nowMs());
    else this.#owed ??= this.#storeIn(limits.sourceStateEveryMs - gone);
  }

  async #storeIn(ms: number): Promise<void> {
    await this.#options.clock.sleep(ms, this.#ended.signal);
    this.#owed = undefined;
    if (!this.#ended.signal.aborted) await this.store(this.#trouble).catch(() => {});
  }

  /** What is owed is not stored any more. */
  stop(): void {
    this.#ended.abort();
  }

  /** The last state: nothing is stored after it, since another reader may have begun. */
  async end(): Promise<void> {
    this.stop();
    await this.store().catch(() => {});
  }

  /** Told with the next state; at once when the last one is old. */
  wait(trouble: string): void {
    const isNew = this.#trouble === undefined;
    this.#trouble = trouble;
    if (isNew) void this.store(trouble).catch(() => {});
  }

  async store(trouble?: string): Promise<void> {
    const { store, source, node, clock } = this.#options;
    this.#storedMs = clock.monotonicMs();
    this.#trouble = trouble;
    await store.putState(source.name, {
      ...this.#begun,
      ...{ generation: source.generation, node, atMs: clock.nowMs() },
      ...{ settledAtMs: this.#settledAtMs, counts: this.#counts, sequence: this.#sequence },
      ...(trouble === undefined ? {} : { trouble }),
    });
  }
}

/**
 * What is asked of the merges of one tenant, and by whom: part of tenant-merges.ts. Deterministic.
 *
 * Owns: whether a merge is due, who waits for an outcome, the operator's pause. Requests that are
 * served together form a series: as many merges as it takes to cover what was in the log when they
 * were asked (TM2).
 */

import type { Position } from "../src/contract/ids.ts";
import type { MergeCarried, MergeOutcome, PlannedMerge } from "../src/contract/merge.ts";

type Settle = (outcome: MergeOutcome) => void;
type Merged = Extract<MergeOutcome, { kind: "merged" }>;

export interface Series {
  /** Merge no further than this; all that there is when undefined. */
  readonly upTo: Position | undefined;
  readonly callers: readonly Settle[];
  /** What it merged so far. */
  readonly total: Merged | null;
}

export class MergeRequests {
  #due: boolean;
  #paused: boolean;
  #waiting: { readonly upTo: Position | undefined; readonly settle: Settle }[] = [];
  #series: Series | null = null;

  constructor(carried: MergeCarried | undefined) {
    this.#due = carried?.due ?? false;
    this.#paused = carried?.paused ?? false;
  }

  due(): void {
    this.#due = true;
  }

  force(upTo: Position | undefined): Promise<MergeOutcome> {
    if (this.#paused) return Promise.resolve({ kind: "paused" });
    return new Promise((settle) => this.#waiting.push({ upTo, settle }));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  get hasWork(): boolean {
    return this.#due || this.#waiting.length > 0 || this.#series !== null;
  }

  /** There are callers that are not in the series yet. */
  get hasCallers(): boolean {
    return this.#waiting.length > 0;
  }

  carried(): Pick<MergeCarried, "paused" | "due"> {
    return { paused: this.#paused, due: this.#due };
  }

  /** The series in work; else one of all who wait now. */
  begin(): Series {
    if (this.#series !== null) return this.#series;
    const waiting = this.#waiting.splice(0);
    const bounded = !this.#due && waiting.every(({ upTo }) => upTo !== undefined);
    const upTo = bounded
      ? (Math.max(...waiting.map((request) => request.upTo ?? 0)) as Position)
      : undefined;
    this.#due = false;
    this.#series = { upTo, callers: waiting.map(({ settle }) => settle), total: null };
    return this.#series;
  }

  /** A merge of the series is committed. */
  merged(plan: PlannedMerge, done: Parameters<typeof addMerge>[2]): void {
    if (this.#series === null) return;
    this.#series = { ...this.#series, total: addMerge(this.#series.total, plan, done) };
  }

  /**
   * Ends the series. With `nothing` left to do its outcome is what it merged; anything else says
   * why it ended early.
   */
  end(outcome: MergeOutcome): void {
    const series = this.#series;
    this.#series = null;
    if (series === null) return;
    const final = outcome.kind === "nothing" ? (series.total ?? outcome) : outcome;
    for (const settle of series.callers) settle(final);
  }

  /** Ends the series early; what it did not come to stays due. */
  interrupt(outcome: MergeOutcome): void {
    if (this.#series !== null) this.#due = true;
    this.end(outcome);
  }

  /** Tells all who wait. What is due stays due. */
  settleAll(outcome: MergeOutcome): void {
    this.end(outcome);
    for (const { settle } of this.#waiting.splice(0)) settle(outcome);
  }

  /** Forgets what is due and tells all who wait. */
  withdraw(): void {
    this.#due = false;
    this.settleAll({ kind: "cancelled" });
  }
}

/** What a series of merges did so far, with one more. */
function addMerge(
  total: Merged | null,
  plan: PlannedMerge,
  done: { readonly written: number; readonly refused?: number | undefined },
): Merged {
  const refusedDocuments = (total?.refused ?? 0) + (done.refused ?? 0);
  const { from, to, records, upserts, superseded, deletes, rejects, chunks, bytes } = plan;
  return {
    kind: "merged",
    from: total?.from ?? from,
    to,
    merges: (total?.merges ?? 0) + 1,
    written: (total?.written ?? 0) + done.written,
    ...(refusedDocuments === 0 ? {} : { refused: refusedDocuments }),
    records: (total?.records ?? 0) + records,
    upserts: (total?.upserts ?? 0) + upserts,
    superseded: (total?.superseded ?? 0) + superseded,
    deletes: (total?.deletes ?? 0) + deletes,
    rejects: (total?.rejects ?? 0) + rejects,
    chunks: (total?.chunks ?? 0) + chunks,
    bytes: (total?.bytes ?? 0) + bytes,
  };
}

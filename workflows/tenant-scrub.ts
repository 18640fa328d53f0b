/**
 * The scrub of one tenant, window by window, between its merges: first along the log, then along
 * the whole cold shard. Deterministic; part of tenant-merges.ts, which calls `step` when it is its
 * turn.
 *
 * Owns: whether a scrub is due, how far it is, who waits for it. Never does: effects (its steps
 * do).
 *
 *   TS1  one step at a time, and never beside a merge: the caller runs either;
 *   TS2  every request gets exactly one outcome;
 *   TS3  merges wait for a scrub no longer than `scrubExclusiveMs`; then they go first, and a scrub
 *        that one of them overtook still deletes and repairs, but says nothing about what is lost;
 *   TS4  a scrub that fails is given up: it found nothing that the next one would not find.
 */

import type { Position, TenantId, Version } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";
import type { MergeActivities } from "../src/contract/merge-steps.ts";
import type {
  PlannedScrub,
  ScrubCarried,
  ScrubCounts,
  ScrubOutcome,
  ScrubReport,
  ScrubRun,
} from "../src/contract/scrub.ts";

export interface ScrubStepOptions {
  readonly tenant: TenantId;
  readonly settleMs: number;
  readonly nowMs: () => number;
}

const noCounts: ScrubCounts = {
  walked: 0,
  live: 0,
  waiting: 0,
  deleted: 0,
  checked: 0,
  repaired: 0,
};

export class TenantScrub {
  #due: boolean;
  #run: ScrubRun | null;
  #last: ScrubReport | null;
  /** Who asked for the next scrub, and for the one in work. */
  #waiting: ((outcome: ScrubOutcome) => void)[] = [];
  #served: ((outcome: ScrubOutcome) => void)[] = [];

  constructor(carried: ScrubCarried | undefined) {
    this.#due = carried?.due ?? false;
    this.#run = carried?.run ?? null;
    this.#last = carried?.last ?? null;
  }

  due(): void {
    this.#due = true;
  }

  force(): Promise<ScrubOutcome> {
    this.#due = true;
    return new Promise((settle) => this.#waiting.push(settle));
  }

  hasPendingWork(): boolean {
    return this.#due || this.#run !== null;
  }

  hasCallers(): boolean {
    return this.#waiting.length + this.#served.length > 0;
  }

  /** TS3. */
  comesFirst(nowMs: number): boolean {
    return this.#run !== null && nowMs - this.#run.startedAtMs < limits.scrubExclusiveMs;
  }

  get last(): ScrubReport | null {
    return this.#last;
  }

  /** Of the scrub in work; null when there is none. */
  get counts(): ScrubCounts | null {
    return this.#run?.counts ?? null;
  }

  carried(): ScrubCarried {
    return { due: this.#due, run: this.#run, last: this.#last };
  }

  /** Tells all who wait; the scrub itself stays as it is. */
  settle(outcome: ScrubOutcome): void {
    this.#settleServed(outcome);
    for (const settle of this.#waiting.splice(0)) settle(outcome);
  }

  #settleServed(outcome: ScrubOutcome): void {
    for (const settle of this.#served.splice(0)) settle(outcome);
  }

  /** Ends it at any stage. */
  end(outcome: ScrubOutcome): void {
    this.#due = false;
    this.#run = null;
    this.settle(outcome);
  }

  /** Its next window, or its beginning, or its end. */
  async step(steps: MergeActivities, options: ScrubStepOptions): Promise<void> {
    const run = this.#run;
    if (run === null) return this.#begin(steps, options);
    switch (run.stage.at) {
      case "log":
        return this.#followLog(steps, options, { run, after: run.stage.after });
      case "cold":
        return this.#walkCold(steps, options, { run, after: run.stage.after });
      case "end":
        return this.#finish(steps, options, run);
    }
  }

  async #begin(steps: MergeActivities, { tenant, nowMs }: ScrubStepOptions): Promise<void> {
    // Requests from here on are served by the next scrub: this one may have passed what they mean.
    this.#due = false;
    this.#served = this.#waiting.splice(0);
    const plan = await steps.planScrub({ tenant });
    if (plan.kind === "nothing") return this.#settleServed({ kind: "nothing" });
    this.#run = {
      plan,
      startedAtMs: nowMs(),
      stage: { at: "log", after: plan.from },
      counts: noCounts,
      complete: 0,
      // What the log no longer holds was purged long after every owner had seen it.
      settledVersion: (plan.heldFrom - 1) as Version,
      overtaken: false,
    };
  }

  async #followLog(
    steps: MergeActivities,
    { tenant, settleMs }: ScrubStepOptions,
    { run, after }: { readonly run: ScrubRun; readonly after: Position },
  ): Promise<void> {
    const { plan, counts } = run;
    if (after >= plan.to) {
      this.#run = { ...run, stage: { at: "cold", after: null } };
      return;
    }
    const result = await steps.scrubLog({ tenant, after, to: plan.to, settleMs });
    this.#run = {
      ...run,
      stage: { at: "log", after: result.through },
      counts: {
        ...counts,
        checked: counts.checked + result.checked,
        repaired: counts.repaired + result.repaired,
        ...refusedOf((counts.refused ?? 0) + (result.refused ?? 0)),
      },
      settledVersion: Math.max(run.settledVersion, result.settledVersion) as Version,
      overtaken: run.overtaken || result.revision !== plan.revision,
    };
  }

  async #walkCold(
    steps: MergeActivities,
    { tenant }: ScrubStepOptions,
    { run, after }: { readonly run: ScrubRun; readonly after: string | null },
  ): Promise<void> {
    const { plan, counts, settledVersion } = run;
    const { heldFrom } = plan;
    const result = await steps.scrubCold({ tenant, after, settledVersion, heldFrom });
    this.#run = {
      ...run,
      stage: result.after === null ? { at: "end" } : { at: "cold", after: result.after },
      counts: {
        ...counts,
        walked: counts.walked + result.walked,
        live: counts.live + result.live,
        waiting: counts.waiting + result.waiting,
        deleted: counts.deleted + result.deleted,
      },
      complete: run.complete + result.complete,
      overtaken: run.overtaken || result.revision !== plan.revision,
    };
  }

  async #finish(
    steps: MergeActivities,
    { tenant, nowMs }: ScrubStepOptions,
    run: ScrubRun,
  ): Promise<void> {
    const lost = lostOf(run.plan, run);
    const { revision, markedTo } = run.plan;
    const found = { tenant, revision, lost, markedTo, counts: run.counts };
    const marker = await steps.finishScrub(found);
    this.#last = { ...run.counts, lost, marker, atMs: nowMs() };
    this.#run = null;
    this.#settleServed({ kind: "scrubbed", ...this.#last });
  }
}

function refusedOf(refused: number): Pick<ScrubCounts, "refused"> {
  return refused === 0 ? {} : { refused };
}

/**
 * What has a record in the log is there by now, or was refused and has a dead letter; of the rest
 * all that is not complete is lost.
 */
function lostOf(
  { unheld }: PlannedScrub,
  { complete, overtaken }: Pick<ScrubRun, "complete" | "overtaken">,
): number | null {
  return overtaken ? null : unheld - complete;
}

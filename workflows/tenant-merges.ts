/**
 * All merges of one tenant, one after the other: the entity that the workflow `merge/<tenant>` is, and that
 * src/merges/memory.ts runs in process. Deterministic; time and waiting come from its runtime.
 *
 * Owns: what is due, who waits for an outcome, pause, back-off, which ranges still need confirming and cleaning.
 * Receives: due, force, pause, resume, cancel. Never does: effects (its steps do), two merges at once.
 *
 *   TM1  one round at a time, so nothing but a zombie of an earlier attempt ever writes beside it;
 *   TM2  every force gets exactly one outcome; it covers at least what was in the log when it was asked;
 *   TM3  a failure is never final: the merge is planned again after a growing, bounded pause;
 *   TM4  a paused tenant starts nothing and does not complete, so a pause is not forgotten.
 */

import type { Position } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";
import type {
  LastMerge,
  MergeCarried,
  MergeError,
  MergeInput,
  MergeOutcome,
  MergePlan,
  MergeProgress,
} from "../src/contract/merge.ts";
import { mergeWorkflowId } from "../src/contract/merge.ts";
import type { MergeActivities } from "../src/contract/merge-steps.ts";
import type { ScrubOutcome } from "../src/contract/scrub.ts";
import { mergeRound, type RoundResult } from "./merge-round.ts";
import type { MergeRuntime } from "./merge-runtime.ts";
import {
  addMerge,
  isMerging,
  type Merged,
  type MergeState,
  progressOf,
  retryDelayMs,
} from "./merge-state.ts";
import { TenantCleaning } from "./tenant-cleaning.ts";
import { TenantConfirm } from "./tenant-confirm.ts";
import { TenantScrub } from "./tenant-scrub.ts";

interface Series {
  readonly upTo: Position | undefined;
  readonly waiting: readonly ((outcome: MergeOutcome) => void)[];
  total: Merged | null;
}

type Step = RoundResult | { readonly kind: "cancelled" };

export class TenantMerges {
  readonly #steps: MergeActivities;
  readonly #runtime: MergeRuntime;
  readonly #input: MergeInput;
  #state: MergeState = { phase: "idle" };
  #startedAtMs: number | null = null;
  #lastMerge: LastMerge | null;
  #due: boolean;
  #paused: boolean;
  #waiting: { readonly upTo: Position | undefined; settle(outcome: MergeOutcome): void }[] = [];
  #series: Series | null = null;
  readonly #scrub: TenantScrub;
  readonly #confirm: TenantConfirm;
  readonly #cleaning = new TenantCleaning();
  #cancelWork: (() => void) | null = null;
  #cancelAsked = false;
  #rounds = 0;
  #wrapped = false;
  #attempt = 0;

  constructor(steps: MergeActivities, runtime: MergeRuntime, input: MergeInput) {
    this.#steps = steps;
    this.#runtime = runtime;
    this.#input = input;
    this.#due = input.carried?.due ?? false;
    this.#paused = input.carried?.paused ?? false;
    this.#lastMerge = input.carried?.lastMerge ?? null;
    this.#scrub = new TenantScrub(input.carried?.scrub);
    this.#confirm = new TenantConfirm(input);
  }

  // --- requests ------------------------------------------------------------------------------

  due(): void {
    this.#due = true;
  }

  /** Resolves when everything up to `upTo` (default: all there is) is committed, or says why not. */
  force(upTo?: Position): Promise<MergeOutcome> {
    if (this.#paused) return Promise.resolve({ kind: "paused" });
    return new Promise((settle) => this.#waiting.push({ upTo, settle }));
  }

  scrubDue(): void {
    this.#scrub.due();
  }

  /** Resolves when cold was compared with the log, or says why not. */
  scrub(): Promise<ScrubOutcome> {
    if (this.#paused) return Promise.resolve({ kind: "paused" });
    return this.#scrub.force();
  }

  preview(): Promise<MergePlan> {
    return this.#steps.planMerge({ tenant: this.#input.tenant });
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  /** Ends what is in work; true when there was something. Later requests start anew. */
  cancel(): boolean {
    if (this.#cancelWork !== null || this.#state.phase === "retrying") {
      this.#cancelAsked = true;
      this.#cancelWork?.();
      return true;
    }
    const asked = this.#hasWork() || this.#scrub.hasPendingWork();
    if (asked) this.#cancelled();
    return asked;
  }

  progress(): MergeProgress {
    const { tenant } = this.#input;
    const paused = this.#paused;
    const [startedAtMs, lastMerge] = [this.#startedAtMs, this.#lastMerge];
    const { counts: scrub, last: lastScrub } = this.#scrub;
    return progressOf(this.#state, { tenant, paused, startedAtMs, lastMerge, scrub, lastScrub });
  }

  /** Something is to do, or would be forgotten by completing (TM4). */
  hasPendingWork(): boolean {
    return this.#hasWork() || this.#scrub.hasPendingWork() || this.#paused;
  }

  /** For a runtime whose next run is this object: it begins to count anew. */
  startOver(): void {
    this.#rounds = 0;
    this.#wrapped = false;
  }

  /** Somebody waits for an outcome that only `run` can bring. */
  hasCallers(): boolean {
    return this.#waiting.length > 0 || this.#scrub.hasCallers();
  }

  carried(): MergeCarried {
    const scrub = this.#scrub.carried();
    const unconfirmed = this.#confirm.carried();
    return { paused: this.#paused, due: this.#due, lastMerge: this.#lastMerge, scrub, unconfirmed };
  }

  // --- the story -----------------------------------------------------------------------------

  /** Runs until nothing is to do for a while (`complete`) or the run is long enough (`continue`). */
  async run(): Promise<"complete" | "continue"> {
    for (;;) {
      // Whoever waits for an outcome gets it first: a new run would not know of them.
      if (this.#isFull() && this.#waiting.length === 0) {
        await this.#wrapUp();
        return "continue";
      }
      const nowMs = this.#runtime.nowMs();
      const scrubs = this.#scrub.comesFirst(nowMs);
      if (this.#paused) await this.#whilePaused();
      else if (!scrubs && this.#confirm.dueInMs(nowMs) === 0) await this.#confirmStep();
      else if (!scrubs && this.#hasWork()) await this.#merge();
      else if (this.#scrub.hasPendingWork()) await this.#scrubStep();
      else if (this.#cleaning.isOwed) await this.#clean();
      else if (!(await this.#linger())) return "complete";
    }
  }

  async #wrapUp(): Promise<void> {
    // A series that is cut off here goes on in the next run.
    if (this.#series !== null) this.#due = true;
    this.#endSeries({ kind: "nothing" });
    this.#scrub.settle({ kind: "continues" });
    // Once: a request that comes meanwhile is still served here, and the next cleaning would let in another.
    const cleans = !this.#wrapped && !this.#paused && this.#cleaning.isOwed;
    this.#wrapped = true;
    if (cleans) await this.#cleanAll();
  }

  #isFull(): boolean {
    return this.#rounds >= limits.mergesPerRunMax || this.#runtime.isFull();
  }

  #hasWork(): boolean {
    return this.#due || this.#waiting.length > 0 || this.#series !== null;
  }

  async #whilePaused(): Promise<void> {
    this.#settleAll({ kind: "paused" });
    this.#scrub.settle({ kind: "paused" });
    this.#enter({ phase: "paused" });
    await this.#runtime.until(() => !this.#paused || this.#runtime.isFull());
  }

  /** False when nothing came. A workflow that stayed open for ever would show idle tenants as running. */
  async #linger(): Promise<boolean> {
    this.#enter({ phase: "idle" });
    const dueInMs = this.#confirm.dueInMs(this.#runtime.nowMs());
    const isOwed = Number.isFinite(dueInMs);
    const came = await this.#runtime.until(
      () => this.hasPendingWork(),
      isOwed ? dueInMs : limits.mergeIdleMs,
    );
    return came || isOwed;
  }

  async #merge(): Promise<void> {
    const series = this.#beginSeries();
    this.#rounds += 1;
    this.#startedAtMs = this.#runtime.nowMs();
    const result = await this.#attemptStep(() => this.#round(series));
    this.#startedAtMs = null;
    switch (result.kind) {
      case "merged":
        return this.#merged(series, result);
      case "nothing":
        this.#attempt = 0;
        this.#confirm.owe(result.unconfirmedTo, this.#runtime.nowMs());
        return this.#endSeries({ kind: "nothing" });
      case "paused":
        this.#due = true;
        return this.#endSeries({ kind: "paused" });
      case "cancelled":
        return this.#cancelled();
      case "replan":
        return this.#failed({ code: "not_ready", message: "the plan was overtaken" });
      case "failed":
        return this.#failed(result.error);
    }
  }

  #round({ upTo }: Series): Promise<RoundResult> {
    const { tenant } = this.#input;
    const hooks = {
      enter: (state: MergeState) => this.#enter(state),
      shouldContinue: () => !this.#paused,
      uncancellable: <T>(work: () => Promise<T>) => this.#runtime.uncancellable(work),
    };
    const workflowId = mergeWorkflowId(tenant);
    return mergeRound(this.#steps, hooks, { tenant, upTo, workflowId });
  }

  #merged(series: Series, result: Extract<RoundResult, { kind: "merged" }>): void {
    const { plan, documents, unconfirmed } = result;
    const { from, to, chunks } = plan;
    this.#attempt = 0;
    this.#lastMerge = { from, to, chunks, documents, atMs: this.#runtime.nowMs() };
    const nowMs = this.#runtime.nowMs();
    if (unconfirmed) this.#confirm.owe(to, nowMs);
    this.#cleaning.merged(plan, nowMs);
    series.total = addMerge(series.total, plan, result);
    if (!plan.more) this.#endSeries({ kind: "nothing" });
    // Asked for too late to stop the commit; what was to follow it stays undone.
    if (this.#cancelAsked) this.#cancelled();
  }

  async #failed(error: MergeError): Promise<void> {
    this.#endSeries({ kind: "failed", error });
    this.#due = true;
    await this.#backOff(error);
  }

  async #backOff(error: MergeError): Promise<void> {
    this.#attempt += 1;
    const bounds = { minMs: limits.mergeRetryMinMs, maxMs: limits.mergeRetryMaxMs };
    const delayMs = retryDelayMs(this.#attempt, bounds);
    const retryAtMs = this.#runtime.nowMs() + delayMs;
    this.#enter({ phase: "retrying", error, attempt: this.#attempt, retryAtMs });
    // Not woken by `due`: the sweep repeats it every minute, which would undo the growing pause.
    const woken = (): boolean => this.#waiting.length > 0 || this.#paused || this.#cancelAsked;
    await this.#runtime.until(woken, delayMs);
    if (this.#cancelAsked) this.#cancelled();
  }

  #cancelled(): void {
    this.#cancelAsked = false;
    this.#due = false;
    this.#attempt = 0;
    this.#settleAll({ kind: "cancelled" });
    this.#scrub.end({ kind: "cancelled" });
  }

  // --- confirming ----------------------------------------------------------------------------

  async #confirmStep(): Promise<void> {
    this.#enter({ phase: "confirming" });
    const nowMs = (): number => this.#runtime.nowMs();
    const result = await this.#attemptStep(async () => {
      await this.#confirm.step(this.#steps, nowMs);
      return { kind: "nothing" };
    });
    if (result.kind !== "nothing") this.#confirm.retryLater(nowMs());
    if (this.#cancelAsked) this.#cancelled();
  }

  // --- scrubbing -----------------------------------------------------------------------------

  async #scrubStep(): Promise<void> {
    this.#enter({ phase: "scrubbing", counts: this.#scrub.counts });
    const { tenant } = this.#input;
    const options = { tenant, settleMs: this.#settleMs, nowMs: () => this.#runtime.nowMs() };
    const result = await this.#attemptStep(async () => {
      await this.#scrub.step(this.#steps, options);
      return { kind: "nothing" };
    });
    if (result.kind === "failed") this.#scrub.end(result);
    if (this.#cancelAsked) this.#cancelled();
  }

  // --- cleaning ------------------------------------------------------------------------------

  async #clean(): Promise<void> {
    this.#enter({ phase: "grace" });
    const nowMs = this.#runtime.nowMs();
    const cleanInMs = this.#cleaning.dueInMs(nowMs, this.#settleMs);
    const confirmInMs = this.#confirm.dueInMs(nowMs);
    const waitMs = Math.min(cleanInMs, confirmInMs);
    if (await this.#runtime.until(() => this.hasPendingWork(), waitMs)) return;
    if (cleanInMs <= confirmInMs) await this.#cleanAll();
  }

  get #settleMs(): number {
    return this.#input.settleMs ?? this.#input.graceMs ?? limits.mergeSettleMs;
  }

  /** Given up when it fails: what stays is masked by the heads, and the next change of a document cleans it. */
  async #cleanAll(): Promise<void> {
    this.#enter({ phase: "cleaning" });
    await this.#attemptStep(async () => {
      await this.#cleaning.run(this.#steps, this.#input.tenant, this.#settleMs);
      return { kind: "nothing" };
    });
    this.#cancelAsked = false;
  }

  // --- parts ---------------------------------------------------------------------------------

  async #attemptStep(work: () => Promise<RoundResult>): Promise<Step> {
    const { done, cancel } = this.#runtime.cancellable(work);
    this.#cancelWork = cancel;
    try {
      if (this.#cancelAsked) cancel();
      return await done;
    } catch (thrown) {
      if (this.#cancelAsked) return { kind: "cancelled" };
      const error = this.#runtime.failureOf(thrown);
      if (error === undefined) throw thrown;
      return { kind: "failed", error };
    } finally {
      this.#cancelWork = null;
    }
  }

  #beginSeries(): Series {
    if (this.#series !== null) return this.#series;
    const waiting = this.#waiting;
    this.#waiting = [];
    const bounded = !this.#due && waiting.every(({ upTo }) => upTo !== undefined);
    const upTo = bounded
      ? (Math.max(...waiting.map((request) => request.upTo ?? 0)) as Position)
      : undefined;
    this.#due = false;
    this.#series = { upTo, waiting: waiting.map(({ settle }) => settle), total: null };
    return this.#series;
  }

  /** With `nothing` left to do the outcome is what the series merged; anything else says why it ended early. */
  #endSeries(outcome: MergeOutcome): void {
    const series = this.#series;
    this.#series = null;
    if (series === null) return;
    const final = outcome.kind === "nothing" ? (series.total ?? outcome) : outcome;
    for (const settle of series.waiting) settle(final);
  }

  #settleAll(outcome: MergeOutcome): void {
    this.#endSeries(outcome);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { settle } of waiting) settle(outcome);
  }

  #enter(state: MergeState): void {
    this.#state = state;
    if (!isMerging(state.phase)) this.#startedAtMs = null;
    this.#runtime.onState(state);
  }
}

/**
 * All merges of one tenant, one after the other: the entity that the workflow `merge/<tenant>` is,
 * and that src/merges/memory.ts runs in process. Deterministic; time and waiting come from its
 * runtime.
 *
 * Owns: the order of the work. Its parts own the rest: what is asked (merge-requests.ts), what is
 * in hand (work-in-hand.ts), rounds and back-off (tenant-rounds.ts), what is still to be confirmed
 * (tenant-confirm.ts), scrubbed (tenant-scrub.ts) and cleaned (tenant-cleaning.ts).
 * Receives: due, force, pause, resume, cancel. Never does: effects (its steps do), two merges at
 * once.
 *
 *   TM1  one round at a time, so only a zombie of an earlier attempt ever writes beside it;
 *   TM2  every force gets exactly one outcome; it covers at least what was in the log when it was
 *        asked;
 *   TM3  a failure is never final: the merge is planned again after a growing, bounded pause;
 *   TM4  a paused tenant starts nothing and does not complete, so a pause is not forgotten;
 *   TM5  it is of one log. Asked for a merge by an owner of another one, which has taken the place
 *        of the first (a restored backup, a log begun anew), it ends as soon as nobody waits for an
 *        outcome, and the next run begins with that log: only a pause is the tenant's, and stays.
 */

import type { Position } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";
import type {
  MergeCarried,
  MergeInput,
  MergeOutcome,
  MergePlan,
  MergeProgress,
} from "../src/contract/merge.ts";
import type { MergeActivities } from "../src/contract/merge-steps.ts";
import type { ScrubOutcome } from "../src/contract/scrub.ts";
import { MergeRequests } from "./merge-requests.ts";
import type { MergeRuntime } from "./merge-runtime.ts";
import { progressOf } from "./merge-state.ts";
import { TenantCleaning } from "./tenant-cleaning.ts";
import { TenantConfirm } from "./tenant-confirm.ts";
import { TenantRounds } from "./tenant-rounds.ts";
import { TenantScrub } from "./tenant-scrub.ts";
import { WorkInHand } from "./work-in-hand.ts";

export class TenantMerges {
  readonly #steps: MergeActivities;
  readonly #runtime: MergeRuntime;
  readonly #input: MergeInput;
  readonly #requests: MergeRequests;
  readonly #work: WorkInHand;
  readonly #rounds: TenantRounds;
  readonly #scrub: TenantScrub;
  readonly #confirm: TenantConfirm;
  readonly #cleaning = new TenantCleaning();
  /** TM5: the deployment that the next run is of. */
  #successor: string | undefined;
  /** Of this run of the workflow: rounds that it began, and whether it cleaned up for its end. */
  #run = { rounds: 0, isWrappedUp: false };

  constructor(steps: MergeActivities, runtime: MergeRuntime, input: MergeInput) {
    const { tenant, carried } = input;
    this.#steps = steps;
    this.#runtime = runtime;
    this.#input = input;
    this.#requests = new MergeRequests(carried);
    this.#work = new WorkInHand(runtime);
    this.#scrub = new TenantScrub(carried?.scrub);
    this.#confirm = new TenantConfirm(input);
    const [requests, work, confirm] = [this.#requests, this.#work, this.#confirm];
    const isReplaced = (): boolean => this.#isReplaced;
    const own = { confirm, cleaning: this.#cleaning, isReplaced };
    const parts = { tenant, steps, runtime, requests, work, ...own };
    this.#rounds = new TenantRounds(parts, carried);
  }

  // --- requests ------------------------------------------------------------------------------

  /** @param deployment of the log that the owner who asks writes to, where it says so (TM5) */
  due(deployment?: string): void {
    this.#requests.due();
    const own = this.#input.deployment;
    if (own === undefined || deployment === undefined) return;
    this.#successor = deployment === own ? undefined : deployment;
  }

  /** Resolves when all up to `upTo` (default: all there is) is committed, or says why not. */
  force(upTo?: Position): Promise<MergeOutcome> {
    return this.#requests.force(upTo);
  }

  scrubDue(): void {
    this.#scrub.due();
  }

  /** Resolves when cold was compared with the log, or says why not. */
  scrub(): Promise<ScrubOutcome> {
    if (this.#requests.isPaused) return Promise.resolve({ kind: "paused" });
    return this.#scrub.force();
  }

  preview(): Promise<MergePlan> {
    return this.#steps.planMerge({ tenant: this.#input.tenant });
  }

  pause(): void {
    this.#requests.pause();
  }

  resume(): void {
    this.#requests.resume();
  }

  /** Ends what is in work; true when there was something. Later requests start anew. */
  cancel(): boolean {
    if (this.#work.cancel()) return true;
    const isAsked = this.#requests.hasWork || this.#scrub.hasPendingWork();
    if (isAsked) this.#withdraw();
    return isAsked;
  }

  progress(): MergeProgress {
    const { tenant } = this.#input;
    const { isPaused: paused } = this.#requests;
    const { lastMerge } = this.#rounds;
    const { counts: scrub, last: lastScrub } = this.#scrub;
    const shown = { tenant, paused, lastMerge, scrub, lastScrub };
    return progressOf(this.#work.shown, { ...shown, error: this.#confirm.failure });
  }

  /** Something is to do, or would be forgotten by completing (TM4). */
  hasPendingWork(): boolean {
    return this.#requests.hasWork || this.#scrub.hasPendingWork() || this.#requests.isPaused;
  }

  /** For a runtime whose next run is this object: it begins to count anew. */
  startOver(): void {
    this.#run = { rounds: 0, isWrappedUp: false };
  }

  /** There are callers whose outcome only `run` can bring. */
  hasCallers(): boolean {
    return this.#requests.hasCallers || this.#scrub.hasCallers();
  }

  /** What the next run is given. */
  next(): MergeInput {
    const deployment = this.#successor;
    if (deployment === undefined) return { ...this.#input, carried: this.#carried() };
    const { isPaused: paused } = this.#requests;
    return { ...this.#input, deployment, carried: { paused, due: true, lastMerge: null } };
  }

  #carried(): MergeCarried {
    const scrub = this.#scrub.carried();
    const unconfirmed = this.#confirm.carried();
    const { lastMerge } = this.#rounds;
    return { ...this.#requests.carried(), lastMerge, scrub, unconfirmed };
  }

  // --- the story -----------------------------------------------------------------------------

  /** Runs until nothing is to do for a while (`complete`) or the run is full (`continue`). */
  async run(): Promise<"complete" | "continue"> {
    for (;;) {
      // Those who wait for an outcome get it first: a new run would not know of them.
      if (this.#isFull() && !this.#requests.hasCallers) {
        await this.#wrapUp();
        return "continue";
      }
      const nowMs = this.#runtime.nowMs();
      const scrubs = this.#scrub.comesFirst(nowMs);
      if (this.#requests.isPaused) await this.#whilePaused();
      else if (!scrubs && this.#confirm.dueInMs(nowMs) === 0) await this.#confirmStep();
      else if (!scrubs && this.#requests.hasWork) await this.#merge();
      else if (this.#scrub.hasPendingWork()) await this.#scrubStep();
      else if (this.#cleaning.isOwed) await this.#clean();
      else if (!(await this.#waitForWork())) return "complete";
    }
  }

  async #wrapUp(): Promise<void> {
    // A series that is cut off here is continued by the next run.
    this.#requests.interrupt({ kind: "nothing" });
    this.#scrub.settle({ kind: "continues" });
    // Once: a request that comes meanwhile is still served here, and would let in another cleaning.
    const cleans = !this.#run.isWrappedUp && !this.#requests.isPaused && this.#cleaning.isOwed;
    this.#run.isWrappedUp = true;
    if (cleans) await this.#cleanAll();
  }

  get #isReplaced(): boolean {
    return this.#successor !== undefined;
  }

  #isFull(): boolean {
    if (this.#isReplaced) return true;
    return this.#run.rounds >= limits.mergesPerRunMax || this.#runtime.isFull();
  }

  async #whilePaused(): Promise<void> {
    this.#requests.settleAll({ kind: "paused" });
    this.#scrub.settle({ kind: "paused" });
    this.#work.show({ phase: "paused" });
    const isOver = (): boolean => this.#isReplaced || this.#runtime.isFull();
    await this.#runtime.until(() => !this.#requests.isPaused || isOver());
  }

  /** False when nothing came. A workflow that stays open would show idle tenants as running. */
  async #waitForWork(): Promise<boolean> {
    this.#work.show({ phase: "idle", unconfirmed: this.#confirm.standing });
    const dueInMs = this.#confirm.dueInMs(this.#runtime.nowMs());
    const isOwed = Number.isFinite(dueInMs);
    const waitMs = isOwed ? dueInMs : limits.mergeIdleMs;
    return (await this.#runtime.until(() => this.hasPendingWork(), waitMs)) || isOwed;
  }

  // --- steps ---------------------------------------------------------------------------------

  async #merge(): Promise<void> {
    this.#run.rounds += 1;
    const error = this.#rounds.settle(await this.#rounds.attempt());
    if (error !== undefined) await this.#rounds.backOff(error);
    // A cancel may have come too late to stop the round; what was to follow it stays undone.
    this.#finish();
  }

  async #confirmStep(): Promise<void> {
    const nowMs = (): number => this.#runtime.nowMs();
    const ended = await this.#work.attempt({ phase: "confirming" }, () =>
      this.#confirm.step(this.#steps, nowMs),
    );
    const error = ended.kind === "failed" ? ended.error : undefined;
    if (ended.kind !== "done") this.#confirm.retryLater(nowMs(), error);
    this.#finish();
  }

  async #scrubStep(): Promise<void> {
    const { tenant } = this.#input;
    const options = { tenant, settleMs: this.#settleMs, nowMs: () => this.#runtime.nowMs() };
    const ended = await this.#work.attempt({ phase: "scrubbing", counts: this.#scrub.counts }, () =>
      this.#scrub.step(this.#steps, options),
    );
    if (ended.kind === "failed") this.#scrub.end(ended);
    this.#finish();
  }

  /** Waits until all owners have seen what replaced the superseded objects. */
  async #clean(): Promise<void> {
    this.#work.show({ phase: "grace" });
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

  /** Given up when it fails or is cancelled (TG1); requests that came meanwhile stay. */
  async #cleanAll(): Promise<void> {
    await this.#work.attempt({ phase: "cleaning" }, () =>
      this.#cleaning.run(this.#steps, this.#input.tenant, this.#settleMs),
    );
    this.#work.end();
  }

  /** The work in hand is over. If a cancel was asked for, all that is asked goes with it. */
  #finish(): void {
    if (this.#work.end()) this.#withdraw();
  }

  #withdraw(): void {
    this.#rounds.withdraw();
    this.#scrub.end({ kind: "cancelled" });
  }
}

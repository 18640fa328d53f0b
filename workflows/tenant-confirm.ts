/**
 * Which merges of one tenant still have to be confirmed, and when. Deterministic; part of
 * tenant-merges.ts, which calls `step` when it is its turn.
 *
 *   TC1  a merge is confirmed no earlier than `confirmMs` after its commit, and then as soon as
 *        nothing else is in work: merges that follow each other without a pause do not put it off,
 *        or hot would never drop anything;
 *   TC2  what was missing is looked at again after another `confirmMs`; a look that failed, after a
 *        growing pause;
 *   TC3  what is unconfirmed outlives its run of the workflow: it is handed on, and the workflow
 *        does not complete before;
 *   TC4  a commit says where the watermark is. What is owed above it is of a log that this one
 *        replaced, and is forgotten: it would stand for what this commit owes, and take its time.
 */

import type { Position } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";
import type { MergeError, MergeInput, MergeProgress, Unconfirmed } from "../src/contract/merge.ts";
import type { MergeActivities } from "../src/contract/merge-steps.ts";
import { backoffMs } from "../src/runtime/backoff.ts";
import { mergeRetries } from "./merge-state.ts";

export class TenantConfirm {
  readonly #input: MergeInput;
  #waiting: Unconfirmed[];
  /** Looks that failed since the last that did not. */
  #failures = 0;
  #trouble: MergeProgress["error"] = null;

  constructor(input: MergeInput) {
    this.#input = input;
    this.#waiting = [...(input.carried?.unconfirmed ?? [])];
  }

  carried(): readonly Unconfirmed[] {
    return this.#waiting;
  }

  /**
   * A merge up to `to`, if there is one, was committed now or is known to lack its confirmation.
   */
  owe(to: Position | undefined, nowMs: number): void {
    if (to === undefined || this.#waiting.some((one) => one.to >= to)) return;
    this.#waiting.push({ to, atMs: nowMs + this.#confirmMs });
  }

  /** TC4: whether it owes what no commit up to `to` can have made. */
  owesAbove(to: Position): boolean {
    return this.#waiting.some((one) => one.to > to);
  }

  forgetAbove(to: Position): void {
    this.#waiting = this.#waiting.filter((one) => one.to <= to);
  }

  /** Time until the next one is due, never negative; infinite when there is none. */
  dueInMs(nowMs: number): number {
    return Math.max(0, Math.min(...this.#waiting.map(({ atMs }) => atMs)) - nowMs);
  }

  /** Confirms all that is due. Throws what the step threw: the caller then says `retryLater`. */
  async step(steps: Pick<MergeActivities, "confirmMerge">, nowMs: () => number): Promise<void> {
    const { tenant } = this.#input;
    const due = this.#waiting.filter(({ atMs }) => atMs <= nowMs()).map(({ to }) => to);
    const to = Math.max(...due) as Position;
    for (;;) {
      const { through, repaired } = await steps.confirmMerge({ tenant, to });
      this.#failures = 0;
      this.#trouble = null;
      if (repaired > 0) return this.#putOff(to, nowMs() + this.#confirmMs);
      if (through >= to) break;
    }
    this.#waiting = this.#waiting.filter((one) => one.to > to);
  }

  /** After a failure or a cancel. */
  retryLater(nowMs: number, error?: MergeError): void {
    const to = Math.max(...this.#waiting.map((one) => one.to)) as Position;
    const retryAtMs = nowMs + backoffMs(mergeRetries, this.#failures);
    this.#putOff(to, retryAtMs);
    this.#failures += 1;
    this.#trouble = error === undefined ? null : { ...error, attempt: this.#failures, retryAtMs };
  }

  /** Why hot still holds what was merged, where looks fail. */
  get trouble(): MergeProgress["error"] {
    return this.#trouble;
  }

  #putOff(to: Position, atMs: number): void {
    this.#waiting = [{ to, atMs }, ...this.#waiting.filter((one) => one.to > to)];
  }

  get #confirmMs(): number {
    const { confirmMs, settleMs, graceMs } = this.#input;
    return confirmMs ?? settleMs ?? graceMs ?? limits.mergeConfirmMs;
  }
}

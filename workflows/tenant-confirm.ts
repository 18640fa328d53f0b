/**
 * Which merges of one tenant still have to be confirmed, and when. Deterministic; part of tenant-merges.ts, which calls
 * `step` when it is its turn.
 *
 *   TC1  a merge is confirmed no earlier than `confirmMs` behind its commit, and as soon after as nothing else is in work:
 *        merges that follow each other without a pause do not put it off, or hot would never drop anything;
 *   TC2  what was missing is looked at again after another `confirmMs`; a look that failed, after a growing pause;
 *   TC3  what is unconfirmed outlives its run of the workflow: it is handed on, and the workflow does not complete before.
 */

import type { MergeActivities } from "../activities/merge.ts";
import type { Position, TenantId } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";
import type { Unconfirmed } from "../src/contract/merge.ts";
import { retryDelayMs } from "./merge-state.ts";

export class TenantConfirm {
  #waiting: Unconfirmed[];
  #attempt = 0;

  constructor(carried: readonly Unconfirmed[] | undefined) {
    this.#waiting = [...(carried ?? [])];
  }

  carried(): readonly Unconfirmed[] {
    return this.#waiting;
  }

  /** A merge up to `to` was committed, or is known to lack its confirmation. */
  owe(one: Unconfirmed): void {
    if (this.#waiting.some(({ to }) => to >= one.to)) return;
    this.#waiting.push(one);
  }

  /** Time until the next one is due, never negative; infinite when there is none. */
  dueInMs(nowMs: number): number {
    return Math.max(0, Math.min(...this.#waiting.map(({ atMs }) => atMs)) - nowMs);
  }

  /** Confirms all that is due. Throws what the step threw: then it is due again later, as after `putOff`. */
  async step(
    steps: Pick<MergeActivities, "confirmMerge">,
    request: {
      readonly tenant: TenantId;
      readonly nowMs: () => number;
      readonly confirmMs: number;
    },
  ): Promise<void> {
    const { tenant, nowMs, confirmMs } = request;
    const due = this.#waiting.filter(({ atMs }) => atMs <= nowMs()).map(({ to }) => to);
    const to = Math.max(...due) as Position;
    for (;;) {
      const { through, repaired } = await steps.confirmMerge({ tenant, to });
      this.#attempt = 0;
      if (repaired > 0) return this.putOff(to, nowMs() + confirmMs);
      if (through >= to) break;
    }
    this.#waiting = this.#waiting.filter((one) => one.to > to);
  }

  /** After a failure or a cancel. */
  retryLater(nowMs: number): void {
    this.#attempt += 1;
    const bounds = { minMs: limits.mergeRetryMinMs, maxMs: limits.mergeRetryMaxMs };
    const to = Math.max(...this.#waiting.map((one) => one.to)) as Position;
    this.putOff(to, nowMs + retryDelayMs(this.#attempt, bounds));
  }

  putOff(to: Position, atMs: number): void {
    this.#waiting = [{ to, atMs }, ...this.#waiting.filter((one) => one.to > to)];
  }
}

/**
 * Which merges of one tenant are not cleaned up after yet. Deterministic; part of tenant-merges.ts.
 *
 *   TG1  nothing waits for it: given up when it fails, what stays in cold is masked by the heads,
 *        and the next change of a document or the scrub cleans it.
 */

import type { TenantId } from "../src/contract/ids.ts";
import type { PlannedMerge } from "../src/contract/merge.ts";
import type { MergeActivities } from "../src/contract/merge-steps.ts";

export class TenantCleaning {
  #merged: PlannedMerge[] = [];
  #mergedAtMs = 0;

  get isOwed(): boolean {
    return this.#merged.length > 0;
  }

  merged(plan: PlannedMerge, nowMs: number): void {
    this.#mergedAtMs = nowMs;
    if (plan.purpose === "advance") this.#merged.push(plan);
  }

  /**
   * At least a moment when there is a settle time: earlier histories have a timer here in any case.
   */
  dueInMs(nowMs: number, settleMs: number): number {
    return settleMs === 0 ? 0 : Math.max(1, this.#mergedAtMs + settleMs - nowMs);
  }

  async run(
    steps: Pick<MergeActivities, "cleanSuperseded" | "sweepHeads">,
    tenant: TenantId,
    settleMs: number,
  ): Promise<void> {
    const merged = this.#merged;
    this.#merged = [];
    for (const { from, to, piecesBefore, expiredAtMs, deployment } of merged) {
      const range = { tenant, from, to, deployment };
      await steps.cleanSuperseded({ ...range, piecesBefore, settleMs, expiredAtMs });
    }
    // Fixed before the next merge begins, whenever an attempt of this gets to run.
    const through = Math.max(0, ...merged.map(({ piecesThrough }) => piecesThrough));
    await steps.sweepHeads({ tenant, through, deployment: merged.at(-1)?.deployment });
  }
}

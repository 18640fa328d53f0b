/**
 * The story of one merge, from plan to commit: the same under Temporal and in memory. Deterministic: all
 * effects are steps, all waiting is hooks.
 *
 *   MR1  the commit comes after a verification that found nothing missing; what it committed still has to be confirmed
 *        (tenant-confirm.ts);
 *   MR2  a pause ends the round before its next step, never inside one; after it the merge is planned anew;
 *   MR3  a round that ends early (failure, cancel, crash) leaves only objects that the heads mask.
 */

import type { MergeActivities } from "../activities/merge.ts";
import type { Position, TenantId } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";
import {
  incomplete,
  type MergeError,
  type MergePlan,
  type PlannedMerge,
} from "../src/contract/merge.ts";
import type { MergeState } from "./merge-state.ts";

/** The steps of one merge. */
export type RoundActivities = Pick<
  MergeActivities,
  "planMerge" | "writeRange" | "verifyRange" | "commitMerge"
>;

export interface RoundHooks {
  enter(state: MergeState): void;
  /** Asked before each step: false ends the round. */
  goesOn(): boolean;
  /** Runs the commit to its end, also when the merge is cancelled meanwhile: its outcome must be known. */
  shielded<T>(step: () => Promise<T>): Promise<T>;
}

export interface RoundRequest {
  readonly tenant: TenantId;
  readonly upTo?: Position | undefined;
  readonly workflowId: string;
}

export type RoundResult =
  | { readonly kind: "nothing"; readonly unconfirmedTo?: Position }
  | {
      readonly kind: "merged";
      readonly plan: PlannedMerge;
      readonly written: number;
      /** Null when an earlier attempt had committed it. */
      readonly documents: number | null;
      readonly unconfirmed: boolean;
    }
  | { readonly kind: "replan" }
  | { readonly kind: "paused" }
  | { readonly kind: "failed"; readonly error: MergeError };

export async function mergeRound(
  steps: RoundActivities,
  hooks: RoundHooks,
  request: RoundRequest,
): Promise<RoundResult> {
  const { tenant, upTo, workflowId } = request;
  if (!hooks.goesOn()) return { kind: "paused" };
  hooks.enter({ phase: "planning" });
  const plan: MergePlan = await steps.planMerge({ tenant, upTo });
  if (plan.kind === "nothing") return plan;
  const verified = await writeVerified(steps, hooks, plan);
  if (typeof verified !== "number") return verified;
  if (!hooks.goesOn()) return { kind: "paused" };
  const written = verified;
  hooks.enter({ phase: "committing", plan, written });
  const { from, to, version, purpose, marks, expectedRevision } = plan;
  const committed = await hooks.shielded(() =>
    steps.commitMerge({
      ...{ tenant, from, to, version, purpose, marks },
      ...{ expectedRevision, workflowId },
    }),
  );
  switch (committed.kind) {
    case "replan":
      return { kind: "replan" };
    case "already":
      return { kind: "merged", plan, written, documents: null, ...unconfirmedOf(committed) };
    case "committed": {
      const { documents } = committed;
      return { kind: "merged", plan, written, documents, ...unconfirmedOf(committed) };
    }
  }
}

function unconfirmedOf({ unconfirmed }: { readonly unconfirmed?: true }) {
  return { unconfirmed: unconfirmed === true };
}

/** Objects written, once all of them were read back; otherwise why the round ends here. */
async function writeVerified(
  steps: RoundActivities,
  hooks: RoundHooks,
  plan: PlannedMerge,
): Promise<number | RoundResult> {
  const { tenant, from, to } = plan;
  let written = 0;
  let after = from;
  for (let pass = 1; pass <= limits.mergePassesMax; pass += 1) {
    while (after < to) {
      if (!hooks.goesOn()) return { kind: "paused" };
      hooks.enter({ phase: "writing", plan, written });
      const again = pass > 1 ? { again: true as const } : {};
      const result = await steps.writeRange({ tenant, from, to, after, ...again });
      written += result.written;
      after = result.through;
    }
    if (!hooks.goesOn()) return { kind: "paused" };
    hooks.enter({ phase: "verifying", plan, written });
    const { rewriteAfter } = await steps.verifyRange({ tenant, from, to });
    if (rewriteAfter === null) return written;
    after = rewriteAfter;
  }
  return { kind: "failed", error: incomplete };
}

/**
 * The story of one merge, from plan to commit: the same under Temporal and in memory.
 * Deterministic: all effects are steps, all waiting is hooks.
 *
 *   MR1  the commit comes after a verification that found nothing missing; what it committed still
 *        has to be confirmed (tenant-confirm.ts);
 *   MR2  a pause ends the round before its next step, never inside one; after it the merge is
 *        planned anew;
 *   MR3  a round that ends early (failure, cancel, crash) leaves only objects that the heads mask;
 *   MR4  a document that cold refuses for good does not hold up the rest: verification leaves it
 *        out, the commit dead-letters it.
 */

import type { Position, TenantId } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";
import {
  type CommitResult,
  incomplete,
  type MergeError,
  type MergePlan,
  type PlannedMerge,
  tooManyRefused,
} from "../src/contract/merge.ts";
import type { MergeActivities } from "../src/contract/merge-steps.ts";
import type { RoundState } from "./merge-state.ts";

/** The steps of one merge. */
export type RoundActivities = Pick<
  MergeActivities,
  "planMerge" | "writeRange" | "verifyRange" | "commitMerge"
>;

export interface RoundHooks {
  enter(state: RoundState): void;
  /** Asked before each step: false ends the round. */
  shouldContinue(): boolean;
  /**
   * Runs the commit to its end, also when the merge is cancelled meanwhile: its outcome must be
   * known.
   */
  uncancellable<T>(step: () => Promise<T>): Promise<T>;
}

export interface RoundRequest {
  readonly tenant: TenantId;
  readonly upTo?: Position | undefined;
  readonly workflowId: string;
}

export type RoundResult =
  | Extract<MergePlan, { readonly kind: "nothing" }>
  | {
      readonly kind: "merged";
      readonly plan: PlannedMerge;
      readonly written: number;
      /** Null when an earlier attempt had committed it. */
      readonly documents: number | null;
      /** Documents that cold refused for good; absent when there are none. */
      readonly refused?: number | undefined;
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
  if (!hooks.shouldContinue()) return { kind: "paused" };
  hooks.enter({ phase: "planning" });
  const plan: MergePlan = await steps.planMerge({ tenant, upTo });
  if (plan.kind === "nothing") return plan;
  const verified = await writeVerified(steps, hooks, plan);
  if ("kind" in verified) return verified;
  if (!hooks.shouldContinue()) return { kind: "paused" };
  const { written, refused } = verified;
  hooks.enter({ phase: "committing", plan, written });
  const { from, to, version, purpose, marks, expectedRevision, deployment } = plan;
  const { expiredAtMs } = plan;
  const committed = await hooks.uncancellable(() =>
    steps.commitMerge({
      ...{ tenant, from, to, version, purpose, marks, deployment },
      ...{ expectedRevision, workflowId, expiredAtMs, ...listed(refused) },
    }),
  );
  const rest = restOf(committed, refused);
  switch (committed.kind) {
    case "replan":
      return { kind: "replan" };
    case "already":
      return { kind: "merged", plan, written, documents: null, ...rest };
    case "committed":
      return { kind: "merged", plan, written, documents: committed.documents, ...rest };
  }
}

interface Verified {
  readonly written: number;
  /** MR4. */
  readonly refused: readonly Position[];
}

function listed(refused: readonly Position[]): { readonly refused?: readonly Position[] } {
  return refused.length === 0 ? {} : { refused };
}

/** What a result of the round says besides. */
function restOf(committed: CommitResult, refused: readonly Position[]) {
  const unconfirmed = "unconfirmed" in committed && committed.unconfirmed === true;
  return { unconfirmed, ...(refused.length === 0 ? {} : { refused: refused.length }) };
}

/** Objects written, once all of them were read back; otherwise why the round ends here. */
async function writeVerified(
  steps: RoundActivities,
  hooks: RoundHooks,
  plan: PlannedMerge,
): Promise<Verified | RoundResult> {
  const { tenant, from, to, deployment, expiredAtMs } = plan;
  const range = { tenant, from, to, deployment, expiredAtMs };
  const refused = new Set<Position>();
  let written = 0;
  let after = from;
  for (let pass = 1; pass <= limits.mergePassesMax; pass += 1) {
    while (after < to) {
      if (!hooks.shouldContinue()) return { kind: "paused" };
      hooks.enter({ phase: "writing", plan, written });
      const again = pass > 1 ? { again: true as const } : {};
      const result = await steps.writeRange({ ...range, after, ...again });
      written += result.written;
      after = result.through;
      for (const position of result.refused ?? []) refused.add(position);
      if (refused.size > limits.mergeRefusedMax) return { kind: "failed", error: tooManyRefused };
    }
    if (!hooks.shouldContinue()) return { kind: "paused" };
    hooks.enter({ phase: "verifying", plan, written });
    const request = { ...range, ...listed([...refused]) };
    const { rewriteAfter } = await steps.verifyRange(request);
    if (rewriteAfter === null) return { written, refused: [...refused] };
    after = rewriteAfter;
  }
  return { kind: "failed", error: incomplete };
}

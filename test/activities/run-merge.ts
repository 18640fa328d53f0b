/** Runs merges to their end without Temporal, as the story of workflows/merge-round.ts tells it. */

import type { MergePorts } from "../../activities/context.ts";
import { createMergeActivities } from "../../activities/steps.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { mergeRound, type RoundHooks, type RoundResult } from "../../workflows/merge-round.ts";
import { acme } from "./world.ts";

export const workflowId = "merge/acme";

/** A round that is neither watched nor paused. */
export const hooks: RoundHooks = {
  enter: () => {},
  shouldContinue: () => true,
  uncancellable: (work) => work(),
};

export async function runRound(ports: MergePorts, tenant: TenantId = acme): Promise<RoundResult> {
  return mergeRound(createMergeActivities(ports), hooks, { tenant, workflowId });
}

/** One round, its confirmation and its cleaning. */
export async function runMerge(ports: MergePorts, tenant: TenantId = acme): Promise<RoundResult> {
  const result = await runRound(ports, tenant);
  if (result.kind !== "merged" || result.plan.purpose === "repair") return result;
  const activities = createMergeActivities(ports);
  const { from, to, piecesBefore, piecesThrough: through, expiredAtMs } = result.plan;
  await activities.confirmMerge({ tenant, to });
  await activities.cleanSuperseded({ tenant, from, to, piecesBefore, settleMs: 0, expiredAtMs });
  await activities.sweepHeads({ tenant, through });
  return result;
}

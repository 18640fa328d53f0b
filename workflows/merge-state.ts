/** Pure: the states of a tenant's merges, and what an operator sees of each. */

import { limits } from "../src/contract/limits.ts";
import type { MergeError, MergeProgress, PlannedMerge } from "../src/contract/merge.ts";
import type { ScrubCounts } from "../src/contract/scrub.ts";

/** A merge that has begun and not ended. */
export type RoundState =
  | { readonly phase: "planning" }
  | { readonly phase: "writing"; readonly plan: PlannedMerge; readonly written: number }
  | { readonly phase: "verifying"; readonly plan: PlannedMerge; readonly written: number }
  | { readonly phase: "committing"; readonly plan: PlannedMerge; readonly written: number };

export type MergeState =
  | (RoundState & { readonly startedAtMs: number })
  | { readonly phase: "idle" }
  /**
   * Until every owner that answers has folded what was merged; then superseded objects are deleted.
   */
  | { readonly phase: "grace" }
  | { readonly phase: "confirming" }
  | { readonly phase: "cleaning" }
  /** `counts` is null while it is planned. */
  | { readonly phase: "scrubbing"; readonly counts: ScrubCounts | null }
  | { readonly phase: "paused" }
  | {
      readonly phase: "retrying";
      readonly error: MergeError;
      readonly attempt: number;
      readonly retryAtMs: number;
    };

export function planOf(state: MergeState): PlannedMerge | null {
  return "plan" in state ? state.plan : null;
}

/** The growing pause before what failed is tried again. */
export const mergeRetries = {
  backoffMinMs: limits.mergeRetryMinMs,
  backoffMaxMs: limits.mergeRetryMaxMs,
};

/** What an operator's query tells. @param of.unconfirmed why what was merged is not confirmed */
export function progressOf(
  state: MergeState,
  {
    unconfirmed,
    ...rest
  }: Pick<MergeProgress, "tenant" | "paused" | "lastMerge" | "scrub" | "lastScrub"> & {
    readonly unconfirmed: MergeProgress["error"];
  },
): MergeProgress {
  const plan = planOf(state);
  return {
    ...rest,
    phase: state.phase,
    startedAtMs: "startedAtMs" in state ? state.startedAtMs : null,
    from: plan?.from ?? null,
    to: plan?.to ?? null,
    written: "written" in state ? state.written : 0,
    total: plan?.chunks ?? 0,
    error:
      state.phase === "retrying"
        ? { ...state.error, attempt: state.attempt, retryAtMs: state.retryAtMs }
        : unconfirmed,
  };
}

/** One line for Temporal UI. Positions and counts only (I10). */
export function describeState(state: MergeState): string {
  switch (state.phase) {
    case "idle":
      return "nothing to merge; completes soon, the next signal starts it again";
    case "planning":
      return "reading the headers of what is not merged yet";
    case "writing":
      return `${describePlan(state.plan)}: ${describeWritten(state)}`;
    case "verifying":
      return `${describePlan(state.plan)}: reading ${state.plan.chunks} objects back`;
    case "committing":
      return `${describePlan(state.plan)}: committing the watermark`;
    case "grace":
      return "merged; superseded objects are deleted once every owner has seen what replaced them";
    case "confirming":
      return "reading back once more what was merged, before hot memory drops it";
    case "cleaning":
      return "deleting superseded objects from the cold shard";
    case "scrubbing":
      return `comparing the cold shard with the log${describeScrub(state.counts)}`;
    case "paused":
      return "paused by an operator; update `resume` continues";
    case "retrying": {
      const { error, attempt, retryAtMs } = state;
      const at = new Date(retryAtMs).toISOString();
      return `attempt ${attempt} failed with ${error.code} (${error.message}); next try at ${at}`;
    }
  }
}

function describeWritten(state: { readonly plan: PlannedMerge; readonly written: number }): string {
  return `${state.written} of ${state.plan.chunks} objects written`;
}

function describeScrub(counts: ScrubCounts | null): string {
  if (counts === null) return "";
  const { checked, repaired, walked, deleted } = counts;
  const log = `${checked} objects read back, ${repaired} written again`;
  return `: ${log}, ${walked} walked, ${deleted} deleted`;
}

export function describePlan({
  purpose,
  from,
  to,
  upserts,
  deletes,
  chunks,
}: PlannedMerge): string {
  const what = purpose === "repair" ? "repairing" : "merging";
  return `${what} (${from}, ${to}]: ${upserts} documents, ${deletes} deletes, ${chunks} chunks`;
}

/** Pure: the states of a tenant's merges, and what an operator is told about each. */

import type { MergeError, MergePhase, PlannedMerge } from "../src/contract/merge.ts";

export type MergeState =
  | { readonly phase: "idle" }
  | { readonly phase: "planning" }
  | { readonly phase: "writing"; readonly plan: PlannedMerge; readonly written: number }
  | { readonly phase: "verifying"; readonly plan: PlannedMerge; readonly written: number }
  | { readonly phase: "committing"; readonly plan: PlannedMerge; readonly written: number }
  /** Questions that began before the commit finish on hot; then superseded objects are deleted. */
  | { readonly phase: "grace" }
  | { readonly phase: "cleaning" }
  | { readonly phase: "paused" }
  | {
      readonly phase: "retrying";
      readonly error: MergeError;
      readonly attempt: number;
      readonly retryAtMs: number;
    };

/** Phases in which a merge has begun and not ended. */
export function isMerging(phase: MergePhase): boolean {
  switch (phase) {
    case "planning":
    case "writing":
    case "verifying":
    case "committing":
      return true;
    case "idle":
    case "grace":
    case "cleaning":
    case "paused":
    case "retrying":
      return false;
  }
}

export function planOf(state: MergeState): PlannedMerge | null {
  return "plan" in state ? state.plan : null;
}

/** One line for Temporal UI. Positions and counts only (I10). */
export function describeState(state: MergeState): string {
  switch (state.phase) {
    case "idle":
      return "nothing to merge; completes soon, the next signal starts it again";
    case "planning":
      return "reading the headers of what is not merged yet";
    case "writing":
      return `${describePlan(state.plan)}: ${state.written} of ${state.plan.chunks} objects written`;
    case "verifying":
      return `${describePlan(state.plan)}: reading ${state.plan.chunks} objects back`;
    case "committing":
      return `${describePlan(state.plan)}: committing the watermark`;
    case "grace":
      return "merged; waiting for questions that began before the commit";
    case "cleaning":
      return "deleting superseded objects from the cold shard";
    case "paused":
      return "paused by an operator; update `resume` goes on";
    case "retrying": {
      const { error, attempt, retryAtMs } = state;
      const at = new Date(retryAtMs).toISOString();
      return `attempt ${attempt} failed with ${error.code} (${error.message}); next try at ${at}`;
    }
  }
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

/** Pause before the n-th retry, n from 1: doubles up to the bound. */
export function retryDelayMs(
  attempt: number,
  bounds: { readonly minMs: number; readonly maxMs: number },
): number {
  return Math.min(bounds.maxMs, bounds.minMs * 2 ** Math.min(attempt - 1, 30));
}

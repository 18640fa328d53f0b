/**
 * The steps of merges and scrubs, each declared once: the activity's name, what it takes and
 * brings, the phase that it belongs to, its line in Temporal UI, its time limits. What carries the
 * steps out, what the workflow calls and what the worker serves are derived from this record.
 *
 * Names and serialized fields are in the histories of running workflows: they may not change.
 */

import type { Position, TenantId, Version } from "./ids.ts";
import { limits } from "./limits.ts";
import type { HeadsPiece } from "./manifest.ts";
import type {
  CommitResult,
  ConfirmResult,
  Described,
  MergePhase,
  MergePlan,
  MergeRange,
  PlannedMerge,
} from "./merge.ts";
import type {
  FinishScrubRequest,
  ScrubColdRequest,
  ScrubColdResult,
  ScrubLogRequest,
  ScrubLogResult,
  ScrubMarker,
  ScrubPlan,
} from "./scrub.ts";

export interface PlanRequest {
  readonly tenant: TenantId;
  /** Merge no further than this position; all that there is when absent. */
  readonly upTo?: Position | undefined;
}

export interface WriteRequest extends MergeRange {
  /** Write what follows this position of the range; `from` at the start. */
  readonly after: Position;
  /** A verification missed objects: only what is missing is written, so that a search finds it. */
  readonly again?: true | undefined;
  readonly expiredAtMs?: PlannedMerge["expiredAtMs"];
}

export interface WriteResult {
  /** Objects written by this call. */
  readonly written: number;
  /** Everything up to here is written, or refused. */
  readonly through: Position;
  /**
   * Records of which cold refuses an object for good; absent when there are none. At most
   * `mergeRefusedMax`.
   */
  readonly refused?: readonly Position[] | undefined;
}

export interface VerifyRequest extends MergeRange {
  /** Records that cold refused: nothing of them is expected. */
  readonly refused?: readonly Position[] | undefined;
  readonly expiredAtMs?: PlannedMerge["expiredAtMs"];
}

export interface VerifyResult {
  readonly checked: number;
  readonly missing: number;
  /** Write again what follows this position: the first incomplete record; null when none is. */
  readonly rewriteAfter: Position | null;
}

export interface CommitRequest extends MergeRange {
  readonly purpose: "advance" | "repair";
  readonly version: Version;
  readonly marks: boolean;
  readonly expectedRevision: number;
  readonly workflowId: string;
  readonly expiredAtMs?: PlannedMerge["expiredAtMs"];
  /**
   * Positions of records that cold refused for good: their documents are gone when this is
   * committed.
   */
  readonly refused?: readonly Position[] | undefined;
}

export interface ConfirmRequest extends Described {
  readonly tenant: TenantId;
  /** Of a merge that was committed long enough ago. */
  readonly to: Position;
}

export interface CleanRequest extends MergeRange {
  /** Pieces of the heads before the merge: only their documents can have older objects. */
  readonly piecesBefore: readonly HeadsPiece["digest"][];
  /** Age from which a record is known to every owner that answers, milliseconds. */
  readonly settleMs: number;
  readonly expiredAtMs?: PlannedMerge["expiredAtMs"];
}

export interface CleanResult {
  readonly documents: number;
  readonly deleted: number;
}

export interface SweepHeadsRequest extends Described {
  readonly tenant: TenantId;
  /** `piecesThrough` of the newest merge that is cleaned up after. */
  readonly through: number;
}

export interface MergeStep<Request, Result> {
  /** Shown by the gauge `merge_phase` while the step runs. */
  readonly phase: MergePhase;
  /** Its line in Temporal UI. Positions and counts only (I10). */
  readonly summary: (request: Request) => string;
  /** How long one attempt may take, milliseconds. */
  readonly attemptMs: number;
  /** An attempt that gives no sign of life for so long is lost, milliseconds. */
  readonly heartbeatMs: number;
  /** Never set: it only carries the type of what the step resolves with. */
  readonly result?: Result;
}

function step<Request, Result>(
  phase: MergePhase,
  summary: MergeStep<Request, Result>["summary"],
): MergeStep<Request, Result> {
  const { mergeActivityMs: attemptMs, mergeHeartbeatMs: heartbeatMs } = limits;
  return { phase, summary, attemptMs, heartbeatMs };
}

function rangeOf({ from: after, to }: MergeRange): string {
  return `(${after}, ${to}]`;
}

const declared = {
  planMerge: step<PlanRequest, MergePlan>("planning", () => "plan"),
  writeRange: step<WriteRequest, WriteResult>(
    "writing",
    (request) => `write ${rangeOf(request)} after ${request.after}`,
  ),
  verifyRange: step<VerifyRequest, VerifyResult>(
    "verifying",
    (request) => `read back ${rangeOf(request)}`,
  ),
  commitMerge: step<CommitRequest, CommitResult>(
    "committing",
    (request) => `commit ${request.purpose} ${rangeOf(request)}`,
  ),
  confirmMerge: step<ConfirmRequest, ConfirmResult>(
    "confirming",
    ({ to }) => `confirm up to ${to}`,
  ),
  cleanSuperseded: step<CleanRequest, CleanResult>(
    "cleaning",
    (request) => `clean ${rangeOf(request)}`,
  ),
  sweepHeads: step<SweepHeadsRequest, void>("idle", () => "sweep old heads pieces"),
  planScrub: step<{ readonly tenant: TenantId }, ScrubPlan>("scrubbing", () => "plan a scrub"),
  scrubLog: step<ScrubLogRequest, ScrubLogResult>(
    "scrubbing",
    ({ after }) => `read back what the log holds after ${after}`,
  ),
  scrubCold: step<ScrubColdRequest, ScrubColdResult>(
    "scrubbing",
    ({ after }) => `walk the cold shard after ${after ?? "its start"}`,
  ),
  finishScrub: step<FinishScrubRequest, ScrubMarker>("idle", () => "end the scrub"),
};

export type MergeStepName = keyof typeof declared;
type Declared = typeof declared;

export type RequestOf<Name extends MergeStepName> = Parameters<Declared[Name]["summary"]>[0];
export type ResultOf<Name extends MergeStepName> =
  Declared[Name] extends MergeStep<never, infer Result> ? Result : never;

export const mergeSteps: {
  readonly [Name in MergeStepName]: MergeStep<RequestOf<Name>, ResultOf<Name>>;
} = declared;

type StepFunction<Name extends MergeStepName> = (
  request: RequestOf<Name>,
) => Promise<ResultOf<Name>>;

/** What carries the steps out: the activities themselves, Temporal, or a test. */
export type MergeActivities = { readonly [Name in MergeStepName]: StepFunction<Name> };

/** All steps, each made from its name. */
export function makeSteps(
  make: <Name extends MergeStepName>(name: Name) => StepFunction<Name>,
): MergeActivities {
  const names = Object.keys(mergeSteps) as MergeStepName[];
  // The keys are those of the record, and `make` gives each its own function.
  return Object.fromEntries(names.map((name) => [name, make(name)])) as MergeActivities;
}

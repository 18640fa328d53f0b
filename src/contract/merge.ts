/**
 * What the parts of a merge say to each other: activities, the workflow, its clients. All of it is
 * descriptors and counts. It lies in Temporal's history, where no document text may be (I10).
 */

import type { ErrorCode } from "./errors.ts";
import type { Position, TenantId, Version } from "./ids.ts";
import type { HeadsPiece } from "./manifest.ts";
import type { ScrubCarried, ScrubCounts, ScrubReport } from "./scrub.ts";

/** Header of a workflow and of its steps: W3C `traceparent` of what asked for them. */
export const traceHeader = "traceparent";

/** Names that the worker, the client and an operator's command line share. */
export const mergeNames = {
  taskQueue: "freshet-merge",
  workflow: "mergeTenant",
  sweepWorkflow: "mergeSweep",
  sweepSchedule: "merge-sweep",
  scrubWorkflow: "scrubSweep",
  scrubSchedule: "scrub-sweep",
} as const;

export function mergeWorkflowId(tenant: TenantId): string {
  return `merge/${tenant}`;
}

/**
 * Search attributes and their Temporal types. Ids and numbers only: they are not encrypted by any
 * codec.
 */
export const mergeSearchAttributes = {
  FreshetTenant: "KEYWORD",
  FreshetPhase: "KEYWORD",
  FreshetFrom: "INT",
  FreshetTo: "INT",
  FreshetChunks: "INT",
} as const;

/**
 * Every descriptor says whose log its positions are of (`Log.deployment`), and every activity
 * looks: a worker of another deployment would merge its own log into its own cold shard under our
 * watermark. Absent in what an earlier Freshet started.
 */
export interface Described {
  readonly deployment?: string | undefined;
}

/** Why a merge was asked for. */
export type MergeReason = "size" | "age" | "memory" | "operator";

/** What the signal of a due merge says; it has no `deployment` where an earlier Freshet sent it. */
export interface MergeDue extends Described {
  readonly reason: MergeReason;
}

/**
 * The records of CHUNKS after `from`, up to and including `to`. `from` is the serialized name, in
 * the histories of running workflows; code calls the value `after`.
 */
export interface MergeRange extends Described {
  readonly tenant: TenantId;
  /** Exclusive: the position right before the first record. */
  readonly from: Position;
  readonly to: Position;
}

export interface MergeCounts {
  /** Records in the range, fences included. */
  readonly records: number;
  /**
   * Documents that are written: upserts that are the newest operation of their document in the
   * range.
   */
  readonly upserts: number;
  /** Operations that a newer one in the same range made void: never written. */
  readonly superseded: number;
  /** Documents whose newest operation in the range is a delete. */
  readonly deletes: number;
  readonly rejects: number;
  /** Objects that the upserts make in cold. */
  readonly chunks: number;
  /** Size of the written upserts in CHUNKS. */
  readonly bytes: number;
}

/**
 * What a merge is about to do; `preview` shows the same. `repair` writes again what cold has lost
 * below the watermark and moves only the marker; `advance` moves the watermark.
 */
export interface PlannedMerge extends MergeRange, MergeCounts, Described {
  readonly kind: "merge";
  readonly purpose: "advance" | "repair";
  /** DOCS version of the record at `to`. */
  readonly version: Version;
  /** Of the manifest that the plan was made from. */
  readonly expectedRevision: number;
  /** Heads pieces of that manifest: what may have older objects in cold. */
  readonly piecesBefore: readonly HeadsPiece["digest"][];
  /**
   * The newest heads piece when it was made: the cleaning after this merge removes none that was
   * put later.
   */
  readonly piecesThrough: number;
  /**
   * False when cold lost data that the log no longer holds: then the marker stays behind, so that
   * readers keep declaring cold incomplete (I12) instead of a merge hiding the loss.
   */
  readonly marks: boolean;
  /**
   * What had expired by then, unix milliseconds, leaves heads and cold with this merge; one time
   * for all of its steps. Absent in a repair, which makes cold what the heads say already.
   */
  readonly expiredAtMs?: number | undefined;
  /** The plan stopped at a bound: records after `to` wait for the next merge. */
  readonly more: boolean;
}

export type MergePlan =
  /** `unconfirmedTo`: nothing to merge, but a merge up to there still has to be confirmed. */
  ({ readonly kind: "nothing"; readonly unconfirmedTo?: Position } & Described) | PlannedMerge;

/**
 * `unconfirmed`: the watermark moved, and what was merged has to be confirmed. Absent in what a
 * worker of an earlier Freshet answered, so that histories of its time replay as they were.
 */
export type CommitResult =
  /** `documents` live after it. */
  | { readonly kind: "committed"; readonly documents: number; readonly unconfirmed?: true }
  /** An earlier attempt committed up to here or further. */
  | { readonly kind: "already"; readonly unconfirmed?: true }
  /** The manifest or cold is not what the plan was made from. */
  | { readonly kind: "replan" };

export interface ConfirmResult {
  /** Everything up to here is confirmed. */
  readonly through: Position;
  /**
   * Objects of the window after it that were missing, and are written again: the window is to be
   * looked at anew.
   */
  readonly repaired: number;
}

/** What became of a request to merge. */
export type MergeOutcome =
  | (MergeCounts & {
      readonly kind: "merged";
      readonly from: Position;
      readonly to: Position;
      /** Ranges that it took. */
      readonly merges: number;
      readonly written: number;
      /**
       * Documents that cold refuses for good, each with a dead letter; absent when there are none.
       */
      readonly refused?: number | undefined;
    })
  | { readonly kind: "nothing" }
  | { readonly kind: "paused" }
  | { readonly kind: "cancelled" }
  | { readonly kind: "failed"; readonly error: MergeError };

export interface MergeError {
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * Few documents that cold refuses end as dead letters; so many mean that something else is wrong.
 */
export const tooManyRefused = {
  code: "cold_refused",
  message: "the cold shard refuses more documents of one merge than its dead letters may be",
} as const satisfies MergeError;

/** Cold took what was written, and a search does not find it. */
export const incomplete = {
  code: "cold_unavailable",
  message: "written objects are missing when they are read back",
} as const satisfies MergeError;

export type MergePhase =
  | "idle"
  | "planning"
  | "writing"
  | "verifying"
  | "committing"
  | "confirming"
  | "grace"
  | "cleaning"
  | "scrubbing"
  | "paused"
  | "retrying";

export interface MergeProgress {
  readonly tenant: TenantId;
  readonly phase: MergePhase;
  readonly paused: boolean;
  /** The range in work; null when there is none. */
  readonly from: Position | null;
  readonly to: Position | null;
  /** Objects written so far, of the `total` that the range makes. */
  readonly written: number;
  readonly total: number;
  /** Unix milliseconds; null when no merge is in work. */
  readonly startedAtMs: number | null;
  readonly lastMerge: LastMerge | null;
  /** Of the scrub in work, and of the one before it as far as this workflow knows. */
  readonly scrub: ScrubCounts | null;
  readonly lastScrub: ScrubReport | null;
  /**
   * Why the merge does not continue now, or is not confirmed, and when it is tried again.
   */
  readonly error: FailedAttempt | null;
}

/** The attempt that failed, and when the next one is due. */
export type FailedAttempt = MergeError & { readonly attempt: number; readonly retryAtMs: number };

export interface LastMerge {
  readonly from: Position;
  readonly to: Position;
  readonly chunks: number;
  /** Live documents of the tenant afterwards; null when an earlier attempt had committed it. */
  readonly documents: number | null;
  readonly atMs: number;
}

/** Input of the entity workflow: a descriptor, never documents. */
export interface MergeInput extends Described {
  readonly tenant: TenantId;
  readonly graceMs?: number | undefined;
  /**
   * From commit to clean-up; absent in runs that an earlier Freshet started, which took `graceMs`
   * for it.
   */
  readonly settleMs?: number | undefined;
  /** From commit to its confirmation; absent in runs that an earlier Freshet started. */
  readonly confirmMs?: number | undefined;
  /** Handed from one run to the next by continue-as-new. */
  readonly carried?: MergeCarried | undefined;
}

/**
 * A merge up to `to` is to be confirmed at the time `atMs`. It says whose log `to` is a position
 * of: a run can outlive the log that it began with.
 */
export interface Unconfirmed extends Described {
  readonly to: Position;
  readonly atMs: number;
}

export interface MergeCarried {
  readonly paused: boolean;
  readonly due: boolean;
  readonly lastMerge: LastMerge | null;
  /** Absent in what an earlier Freshet handed on, as is `unconfirmed`. */
  readonly scrub?: ScrubCarried | undefined;
  readonly unconfirmed?: readonly Unconfirmed[] | undefined;
}

/** What the parts of a scrub say to each other: descriptors and counts, as in merge.ts. */

import type { ErrorCode } from "./errors.ts";
import type { Position, TenantId, Version } from "./ids.ts";

/** What there is to compare. */
export type ScrubPlan = { readonly kind: "nothing" } | PlannedScrub;

export interface PlannedScrub {
  readonly kind: "scrub";
  readonly tenant: TenantId;
  /** Of the manifest that it was made from. */
  readonly revision: number;
  /**
   * The records after `from`, up to and including `to`, are held by the log and merged. `from` is
   * the serialized name, as in `MergeRange`.
   */
  readonly from: Position;
  readonly to: Position;
  /** Version of the oldest record that the log holds. */
  readonly heldFrom: Version;
  /** What cold's marker said then; absent in plans of an earlier Freshet. */
  readonly markedTo?: Position;
  /** Live documents, and those of them whose record is older than that. */
  readonly documents: number;
  readonly unheld: number;
}

export interface ScrubLogRequest {
  readonly tenant: TenantId;
  /** Read what follows: a position of the tenant, or the one before its oldest record. */
  readonly after: Position;
  readonly to: Position;
  /** Age from which a record is known to every owner that answers, milliseconds. */
  readonly settleMs: number;
}

export interface ScrubLogResult {
  readonly revision: number;
  /** Objects read back, and those of them that were missing and are written again. */
  readonly checked: number;
  readonly repaired: number;
  /** Documents that cold refused to take back; absent when there are none. */
  readonly refused?: number | undefined;
  readonly through: Position;
  /** Newest version of the window that every owner has folded; 0 when all are too young. */
  readonly settledVersion: Version;
}

export interface ScrubColdRequest {
  readonly tenant: TenantId;
  /** Walk what follows this id; null from the start. */
  readonly after: string | null;
  readonly settledVersion: Version;
  /**
   * Of the oldest record that the log holds: older documents are known from their objects alone.
   */
  readonly heldFrom: Version;
}

export interface ScrubColdResult {
  readonly revision: number;
  readonly walked: number;
  readonly live: number;
  readonly waiting: number;
  readonly deleted: number;
  /** Documents without a record in the log that have all their chunks. */
  readonly complete: number;
  /** Continue after this id; null at the end. */
  readonly after: string | null;
}

/** `withdrawn`: readers now declare cold incomplete. `restored`: they no longer do. */
export type ScrubMarker = "kept" | "withdrawn" | "restored";

/** Objects, unless it says documents. */
export interface ScrubCounts {
  /**
   * Seen in cold; of these those that count, and those that an unfinished or very recent merge
   * explains.
   */
  readonly walked: number;
  readonly live: number;
  readonly waiting: number;
  /** Could never count again: superseded or deleted long ago. */
  readonly deleted: number;
  /**
   * That the log says must be there, read back; and what was written again because it was missing.
   */
  readonly checked: number;
  readonly repaired: number;
  /**
   * Documents that cold refused to take back, each with a dead letter; absent when there are none.
   */
  readonly refused?: number | undefined;
}

export interface FinishScrubRequest {
  readonly tenant: TenantId;
  readonly revision: number;
  /**
   * Live documents that cold lacks and the log no longer has; null when a merge overtook the scrub.
   */
  readonly lost: number | null;
  /** Of the plan. */
  readonly markedTo?: Position | undefined;
  readonly counts: ScrubCounts;
}

export interface ScrubReport extends ScrubCounts {
  /**
   * Documents that are live, that cold lacks in whole or in part, and whose record the log no
   * longer holds. Null when a merge overtook the scrub, so that it cannot tell.
   */
  readonly lost: number | null;
  readonly marker: ScrubMarker;
  readonly atMs: number;
}

/** A scrub in work, as one run of the workflow hands it to the next. */
export interface ScrubRun {
  readonly plan: PlannedScrub;
  readonly startedAtMs: number;
  readonly stage:
    | { readonly at: "log"; readonly after: Position }
    | { readonly at: "cold"; readonly after: string | null }
    | { readonly at: "end" };
  readonly counts: ScrubCounts;
  readonly complete: number;
  readonly settledVersion: Version;
  /** A merge was committed since the plan. */
  readonly overtaken: boolean;
}

export interface ScrubCarried {
  readonly due: boolean;
  readonly run: ScrubRun | null;
  readonly last: ScrubReport | null;
}

/** What became of a request to scrub. */
export type ScrubOutcome =
  | (ScrubReport & { readonly kind: "scrubbed" })
  /** The tenant was never merged. */
  | { readonly kind: "nothing" }
  /** Longer than one run of the workflow: it continues, and `progress` shows how far it is. */
  | { readonly kind: "continues" }
  | { readonly kind: "paused" }
  | { readonly kind: "cancelled" }
  | {
      readonly kind: "failed";
      readonly error: { readonly code: ErrorCode; readonly message: string };
    };

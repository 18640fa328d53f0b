/** What the engine, the command line and the surfaces may ask of merges, however they are run. */

import type { Deletes } from "../contract/erase.ts";
import type { Position, TenantId, Version } from "../contract/ids.ts";
import type { MergeOutcome, MergePlan, MergeProgress, MergeReason } from "../contract/merge.ts";
import type { EraseState } from "../contract/operations.ts";
import type { SignedReceipt } from "../contract/receipt.ts";
import type { ReembedProgress } from "../contract/reembed.ts";
import type { ScrubOutcome } from "../contract/scrub.ts";

/**
 * Every method fails with temporal_unavailable while Temporal does not answer, and works again by
 * itself when it does. Losing a request is harmless: what is unmerged stays due, and the sweep asks
 * again.
 */
export interface MergeClient {
  /**
   * The tenant has something to merge. Returns when the request is durable, not when it is merged.
   */
  due(tenant: TenantId, reason: MergeReason): Promise<void>;
  /**
   * Merges everything up to `upTo` (default: all that is in the log now); resolves when it is
   * committed.
   * @throws FreshetError deadline_exceeded when that takes longer than `limits.mergeForceMs`
   */
  force(
    tenant: TenantId,
    options?: { readonly upTo?: Position | undefined },
  ): Promise<MergeOutcome>;
  /**
   * The tenant's cold shard is to be compared with the log. Returns when the request is durable.
   */
  scrubDue(tenant: TenantId): Promise<void>;
  /**
   * Compares the whole cold shard with log and heads, deletes what can never count, writes again
   * what is missing.
   * @throws FreshetError deadline_exceeded when that takes longer than `limits.mergeForceMs`; it
   *   continues
   */
  scrub(tenant: TenantId): Promise<ScrubOutcome>;
  /**
   * What `force` would do now.
   * @throws FreshetError as planning does: cold_unavailable, log_identity, …
   */
  preview(tenant: TenantId): Promise<MergePlan>;
  /** Ends a running merge before its next step and starts no other until `resume`. */
  pause(tenant: TenantId): Promise<MergeProgress>;
  resume(tenant: TenantId): Promise<MergeProgress>;
  /** Ends what is in work; false when nothing was. Later requests merge again. */
  cancel(tenant: TenantId): Promise<boolean>;
  /** Null when the tenant was never merged. */
  progress(tenant: TenantId): Promise<MergeProgress | null>;
  /** Creates or updates the Schedules of the sweeps. */
  ensureSchedule(): Promise<void>;
  /** Link to the tenant's workflow in Temporal UI. */
  workflowUrl(tenant: TenantId, uiUrl: string): string;
  /** Resolves when Temporal answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Erases, however they are run. Asked for again, an erase that is under way is waited for, and one
 * that has ended answers with its receipt.
 */
export interface EraseClient {
  /**
   * Resolves when nothing of the tenant is left.
   * @throws FreshetError temporal_unavailable; the erase continues
   */
  eraseTenant(tenant: TenantId): Promise<SignedReceipt>;
  /**
   * One receipt for all of them.
   * @throws FreshetError not_found (a delete is no longer in the log), tenant_erased,
   *   tenant_suspended, temporal_unavailable
   */
  eraseDocuments(tenant: TenantId, deletes: Deletes): Promise<SignedReceipt>;
  /**
   * Returns when it has begun, and does not wait for its end.
   * @throws FreshetError temporal_unavailable
   */
  beginErase(tenant: TenantId, deletes: Deletes): Promise<void>;
  /**
   * Of the erase whose first delete is `version`; null when none is known by it, also because it
   * ended long ago.
   * @throws FreshetError temporal_unavailable
   */
  eraseState(tenant: TenantId, version: Version): Promise<EraseState | null>;
  /**
   * Whether the erase whose first delete is `version` is under way.
   * @throws FreshetError temporal_unavailable
   */
  isErasing(tenant: TenantId, version: Version): Promise<boolean>;
}

/** Deliveries to webhooks, however they are run. Both fail with temporal_unavailable. */
export interface DeliveryClient {
  /** There is one to serve; the one that is under way stays as it is. */
  deliveryDue(tenant: TenantId, endpoint: string): Promise<void>;
  /** Somebody changed it: what is under way looks at once. */
  deliveryChanged(tenant: TenantId, endpoint: string): Promise<void>;
}

export interface ReembedOutcome {
  readonly status: string;
  /** Of one that has failed; of one that runs, why its step has to be tried again. */
  readonly why?: string | undefined;
}

/** Builds of generations, however they are run. All fail with temporal_unavailable. */
export interface ReembedClient {
  /** @throws FreshetError invalid_request when one is under way */
  start(
    tenant: TenantId,
    plan: { readonly model: string; readonly textsPerS: number },
  ): Promise<void>;
  /** False when none is under way, as of the two that follow. */
  pause(tenant: TenantId): Promise<boolean>;
  /** Also of one that runs: another rate. */
  resume(tenant: TenantId, change: { readonly textsPerS?: number | undefined }): Promise<boolean>;
  /** What it has built stays until it is abandoned. */
  cancel(tenant: TenantId): Promise<boolean>;
  /** Null when there was none, or Temporal has forgotten it. */
  progress(tenant: TenantId): Promise<ReembedProgress | null>;
  /** Of the last one, in Temporal's word: `RUNNING`, `COMPLETED`, `FAILED`, … */
  outcome(tenant: TenantId): Promise<ReembedOutcome | null>;
}

/** A version of the merge workers. */
export interface WorkerVersion {
  /** `FRESHET_BUILD_ID` of its workers. */
  readonly buildId: string;
  /**
   * `current` gets all new work; `draining` has begun runs whose next step goes to the current one;
   * `drained` has none left, and its workers may be stopped; `waiting` was never current.
   */
  readonly state: "current" | "draining" | "drained" | "waiting";
  /** Runs whose last step it took. */
  readonly openRuns: number;
}

/** Which version of the merge workers gets the work. Fails with temporal_unavailable. */
export interface WorkerVersions {
  /** `current` is null where workers without a version get the work. */
  list(): Promise<{ readonly current: string | null; readonly versions: readonly WorkerVersion[] }>;
  /**
   * Null: workers without a version.
   * @throws FreshetError not_found when Temporal has seen no worker of this version
   */
  makeCurrent(buildId: string | null): Promise<void>;
  close(): Promise<void>;
}

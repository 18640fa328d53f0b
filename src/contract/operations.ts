/**
 * What a tenant's operators may do beside asking and publishing: look at its merges and steer them,
 * look through what was refused and publish it again, erase documents.
 */

import type { ErrorCode } from "./errors.ts";
import type { DocumentId, TenantId, Version } from "./ids.ts";
import type { MergePlan, MergeProgress } from "./merge.ts";
import type { SignedReceipt } from "./receipt.ts";

/** `run` asks for a merge of all that is in the log now, and does not wait for it. */
export const mergeActions = ["run", "preview", "pause", "resume", "cancel"] as const;
export type MergeAction = (typeof mergeActions)[number];

export interface MergeState {
  /** Null when the tenant was never merged. */
  readonly progress: MergeProgress | null;
  /** Of its workflow in Temporal UI; undefined where no address of that is configured. */
  readonly url?: string | undefined;
  /** What a merge would do now; only after `preview`. */
  readonly plan?: MergePlan | undefined;
}

/** A dead letter as operators see it: what was refused and why, never its text. */
export interface ShownLetter {
  readonly seq: number;
  /** Null where the operation could not be read so far. */
  readonly id: string | null;
  readonly reason: ErrorCode;
  readonly message: string;
  /** When it was refused, RFC 3339. */
  readonly at: string;
}

export interface LetterPage {
  readonly letters: readonly ShownLetter[];
  /** What the next page begins after; null at the end. */
  readonly next: number | null;
}

export type ReplayResult =
  | { readonly seq: number; readonly as: number }
  | { readonly seq: number; readonly skipped: string };

/** An erase of documents, named by its first delete. */
export interface EraseBegun {
  readonly erase: number;
  /** How many: one that was named twice counts once. */
  readonly documents: number;
}

export type EraseState =
  | { readonly state: "running" }
  | { readonly state: "ended"; readonly receipt: SignedReceipt }
  /** It removed nothing, or not all: its documents are deleted, and to be erased again. */
  | { readonly state: "failed"; readonly reason: ErrorCode; readonly message: string };

/** All reject with what the log or Temporal answers while it is away. */
export interface Operations {
  merge(tenant: TenantId): Promise<MergeState>;
  steer(tenant: TenantId, action: MergeAction): Promise<MergeState>;
  letters(
    tenant: TenantId,
    page: { readonly after: Version; readonly max: number },
  ): Promise<LetterPage>;
  /**
   * Publishes refused operations again; one result for each, in their order.
   * @throws FreshetError not_found when one of them has no dead letter; none is published then
   */
  replay(tenant: TenantId, seqs: readonly Version[]): Promise<readonly ReplayResult[]>;
  /**
   * Begins one erase of at most `limits.eraseDocumentsMax` documents, and does not wait for it.
   * @throws FreshetError overloaded (so many are under way), invalid_request
   */
  erase(tenant: TenantId, ids: readonly DocumentId[]): Promise<EraseBegun>;
  /** @throws FreshetError not_found: none of the tenant is known by that delete */
  eraseState(tenant: TenantId, first: Version): Promise<EraseState>;
}

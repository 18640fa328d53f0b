/**
 * What the parts of an erase say to each other. It lies in Temporal's history: names of tenants,
 * sequences and counts, never an id or a text of a document (I10).
 */

import type { Position, TenantId, Version } from "./ids.ts";
import type { Described } from "./merge.ts";
import type { ErasureCounts, SignedReceipt } from "./receipt.ts";

export const eraseNames = {
  workflow: "eraseTenant",
  documentWorkflow: "eraseDocument",
  documentsWorkflow: "eraseDocuments",
} as const;

export function eraseWorkflowId(tenant: TenantId, version?: Version): string {
  return version === undefined ? `erase/${tenant}` : `erase/${tenant}/${version}`;
}

/** The id that the operation after a document's last delete has: it holds the end of the chain. */
export const eraseMarkerId = "freshet-erase";

export interface EraseInput extends Described {
  readonly tenant: TenantId;
  /** From the first removal to the second: late attempts of merges have ended by then. */
  readonly settleMs?: number | undefined;
}

/** `version`: the delete of the document; `through`: the operation after it. */
export interface EraseDocumentInput extends Described {
  readonly tenant: TenantId;
  readonly version: Version;
  readonly through: Version;
}

/** Of documents of one tenant, ascending, and an operation that was published after them. */
export interface Deletes {
  readonly versions: readonly Version[];
  readonly through: Version;
}

export interface EraseDocumentsInput extends Described, Deletes {
  readonly tenant: TenantId;
}

export interface EraseBegun {
  readonly atMs: number;
  readonly found: ErasureCounts;
  /** Of an erase that ended before: there is one for a tenant. */
  readonly receipt?: SignedReceipt | undefined;
}

/** Below these sequences nothing of the tenant may be left. */
export interface EraseBounds {
  readonly docs: Version;
  readonly chunks: Position;
}

export interface EraseRequest extends Described {
  readonly tenant: TenantId;
  readonly below: EraseBounds;
}

export interface FinishEraseRequest extends EraseRequest {
  readonly begun: EraseBegun;
}

/** Where the document's history ends, and what was there of it. */
export interface DocumentBegun extends EraseBegun {
  readonly below: EraseBounds;
  readonly documentSha256: string;
  /** A later erase of the document still holds its own delete; absent from earlier releases. */
  readonly isShared?: boolean | undefined;
}

export interface EraseDocumentRequest extends EraseDocumentInput {
  readonly below: EraseBounds;
}

export interface FinishDocumentRequest extends EraseDocumentRequest {
  readonly begun: DocumentBegun;
}

/** As `DocumentBegun`, of several. */
export interface DocumentsBegun extends EraseBegun {
  readonly below: EraseBounds;
  /** In the order of the deletes. */
  readonly documentsSha256: readonly string[];
  readonly isShared: boolean;
}

export interface EraseDocumentsRequest extends EraseDocumentsInput {
  readonly below: EraseBounds;
}

export interface FinishDocumentsRequest extends EraseDocumentsRequest {
  readonly begun: DocumentsBegun;
}

/**
 * What brings documents to a tenant (definitions, states and dead letters of its sources), or takes
 * its events elsewhere (its webhooks).
 */
export interface TenantSources {
  /**
   * Removes all of them, also what was left of those that were removed before. May be repeated.
   * @throws FreshetError log_unavailable
   */
  eraseTenant(tenant: TenantId): Promise<void>;
  /** How many entries are there. @throws FreshetError log_unavailable */
  countOf(tenant: TenantId): Promise<number>;
}

export interface EraseActivities {
  /** Marks the tenant as being erased: nobody publishes, asks or merges from then on. */
  beginErase(request: EraseInput): Promise<EraseBegun>;
  /** Ends the merge in work. */
  stopMerges(request: EraseInput): Promise<void>;
  /** Writes the tombstone, after which no owner appends; says up to where all has to go. */
  sealTenant(request: EraseInput): Promise<EraseBounds>;
  removeTenant(request: EraseRequest): Promise<void>;
  /** What is still there, by reading every store. */
  lookForTenant(request: EraseRequest): Promise<ErasureCounts>;
  finishErase(request: FinishEraseRequest): Promise<SignedReceipt>;
  /** Waits until the document's delete is in cold for good. */
  awaitConfirmed(request: EraseDocumentInput): Promise<DocumentBegun>;
  removeDocument(request: EraseDocumentRequest): Promise<void>;
  lookForDocument(request: EraseDocumentRequest): Promise<ErasureCounts>;
  finishDocument(request: FinishDocumentRequest): Promise<SignedReceipt>;
  /**
   * Those four, of several documents at once: their own names, so that a worker of an earlier
   * release refuses them instead of erasing one document of a list.
   */
  awaitDeletes(request: EraseDocumentsInput): Promise<DocumentsBegun>;
  removeDocuments(request: EraseDocumentsRequest): Promise<void>;
  lookForDocuments(request: EraseDocumentsRequest): Promise<ErasureCounts>;
  finishDocuments(request: FinishDocumentsRequest): Promise<SignedReceipt>;
}

export const nothingLeft: ErasureCounts = {
  operations: 0,
  records: 0,
  manifests: 0,
  heads: 0,
  letters: 0,
  cold: 0,
};

export function isNothing(counts: ErasureCounts): boolean {
  return Object.values(counts).every((left) => left === 0);
}

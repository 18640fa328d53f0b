/**
 * Every message between actors. An actor knows these types and mailboxes typed by them, never
 * another actor.
 */

import type { OwnershipView } from "../src/cluster/ownership.ts";
import type { Access } from "../src/contract/access.ts";
import type { Candidate, Wanted } from "../src/contract/candidate.ts";
import type { Filter } from "../src/contract/filter.ts";
import type { DocumentId, Epoch, Position, TenantId, Version } from "../src/contract/ids.ts";
import type { Manifest } from "../src/contract/manifest.ts";
import type { Answer } from "../src/contract/query.ts";
import type { DocumentInfo, PlacedRecord } from "../src/contract/record.ts";
import type { AskRequest } from "../src/contract/service.ts";
import type { SparseVector } from "../src/contract/sparse.ts";
import type { Span } from "../src/contract/tracing.ts";
import type { EmbedInput } from "../src/embedding/port.ts";
import type { Heads } from "../src/heads/heads.ts";
import type { HotDocument } from "../src/hot/port.ts";
import type { NodeStart } from "../src/log/lease-port.ts";
import type { StoredManifest } from "../src/log/port.ts";
import type { Asks } from "../src/runtime/reply.ts";
import type { Admitted } from "./directory/bytes.ts";

/** To an embedder: vectors for all inputs, in their order. Dense ones unless it says. */
export interface EmbedRequest<Vector = Float32Array> extends Asks<readonly Vector[]> {
  readonly type: "embed";
  /** For fairness between tenants; texts of one request may end up in several batches. */
  readonly tenant: TenantId;
  readonly inputs: readonly EmbedInput[];
  /** Aborts when the caller has left: its texts are not embedded any more. */
  readonly signal: AbortSignal;
  readonly span?: Span | undefined;
}

export type EmbedderMessage<Vector = Float32Array> = EmbedRequest<Vector>;

/** To a tenant writer: its operations in log order. */
export interface OperationMessage {
  readonly type: "operation";
  readonly admitted: Admitted;
}

/** To a tenant writer: its view was restarted and holds nothing, so it has to be loaded again. */
export interface ReloadMessage {
  readonly type: "reload";
}

export type TenantWriterMessage = OperationMessage | ReloadMessage;

/** What a question sees of a tenant before it searches cold. */
export interface Snapshot {
  readonly visible: Version;
  /** Cold covers the log up to here; a later search is void if hot has dropped past it. */
  readonly watermark: Position;
  /** False until the first merge: there is nothing to search in cold. */
  readonly coldExists: boolean;
  /** Every live document is in memory: cold need not be asked. */
  readonly isResident: boolean;
  /** The marker of this watermark was found in cold; undefined when it is time to look. */
  readonly markerSeen: boolean | undefined;
  /**
   * Changes with everything that could change what a search answers, and grows. No two lives of the
   * views of a node have one in common, so also not two owners in one process.
   */
  readonly revision: number;
}

/** Whether cold holds the marker of a watermark. */
export interface MarkerLook {
  readonly watermark: Position;
  readonly seen: boolean;
  /** When the look began, by the clock that does not step. */
  readonly lookedAtMs: number;
}

export type SearchOutcome =
  | {
      readonly kind: "found";
      readonly hot: readonly Candidate[];
      /** Cold hits whose version equals their head. */
      readonly cold: readonly Candidate[];
      readonly visible: Version;
      readonly hotMs: number;
      /** As in a snapshot: of the step that searched. */
      readonly revision: number;
    }
  /**
   * Hot has dropped past the watermark that the question began with, or holds not all any more:
   * search cold again.
   */
  | { readonly kind: "dropped"; readonly snapshot: Snapshot };

/** To a tenant view: the one place that knows the tenant's heads. */
export type TenantViewMessage =
  /** Start anew from a manifest and its heads; the tail follows as `replay`. */
  | { readonly type: "load"; readonly stored: StoredManifest | null; readonly heads: Heads }
  | { readonly type: "replay"; readonly record: PlacedRecord }
  /** The tail is complete: from here on the view answers. */
  | { readonly type: "ready"; readonly visible: Version }
  | ApplyMessage
  | { readonly type: "manifest"; readonly stored: StoredManifest }
  | DropMessage
  | LoadedMessage
  | ({ readonly type: "marker" } & MarkerLook)
  | SnapshotRequest
  | SearchRequest
  | DocumentRequest
  | ListRequest;

/** A record that the log holds now: the view makes it visible. */
export interface ApplyMessage {
  readonly type: "apply";
  readonly record: PlacedRecord;
  readonly publishedAtMs: number;
  /** Of the operation; the view ends it. */
  readonly span?: Span | undefined;
}

/** The grace period of a confirmed merge is over. */
export interface DropMessage {
  readonly type: "drop";
  readonly watermark: Position;
  /**
   * The heads of a manifest at or above it: what they name may be kept. Undefined where they could
   * not be read, or nothing is kept.
   */
  readonly merged?: MergedHeads | undefined;
}

/** A page of documents that cold has, to be kept again (residency.ts). */
export interface LoadedMessage extends Asks<LoadedPage> {
  readonly type: "loaded";
  /** What was loaded for: a view that was loaded anew since takes nothing of it. */
  readonly into: object;
  readonly documents: readonly HotDocument[];
  readonly merged?: MergedHeads | undefined;
}

export interface LoadedPage {
  readonly isResident: boolean;
  /** Evictions so far. */
  readonly evictions: number;
}

export interface MergedHeads {
  readonly manifest: Manifest;
  readonly heads: Heads;
}

export interface SnapshotRequest extends Asks<Snapshot> {
  readonly type: "snapshot";
  /** Answer only when this version is visible (I8). */
  readonly minVersion: Version | undefined;
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

export interface SearchRequest extends Asks<SearchOutcome> {
  readonly type: "search";
  readonly watermark: Position;
  /** Cold was not asked: without every live document in memory the answer would have a gap. */
  readonly mustBeResident: boolean;
  readonly coldHits: readonly Candidate[];
  readonly vector: Float32Array;
  readonly text: string;
  readonly limit: number;
  readonly filter: Filter | undefined;
  /** Of the reader; undefined: it sees everything. */
  readonly access: Access | undefined;
  readonly wanted?: Wanted | undefined;
  /** Of the question; undefined where candidates are not scored by theirs. */
  readonly sparse?: SparseVector | undefined;
}

export interface DocumentView {
  /** Undefined when the document is not live. */
  readonly version: Version | undefined;
  /** Of a document in memory; undefined where cold alone can tell its labels. */
  readonly info: DocumentInfo | undefined;
  /** Whether cold may hold documents that memory lacks. */
  readonly isInCold: boolean;
  readonly visible: Version;
  readonly shard: "hot" | "cold";
}

export interface DocumentRequest extends Asks<DocumentView> {
  readonly type: "document";
  readonly documentId: DocumentId;
}

/** What is live of a page of documents. */
export interface ListRequest extends ListPage, Asks<ListView> {
  readonly type: "list";
}

export interface ListPage {
  /** A page of what is not merged: at most `limit` after this position; undefined for none. */
  readonly hotAfter: Position | undefined;
  readonly limit: number;
  /** Of the reader: what it does not admit takes no place in that page. */
  readonly access: Access | undefined;
  /** A page of what cold holds: those that are the newest version, and not over, come back. */
  readonly cold: readonly StoredDocument[];
}

export interface ListedDocument {
  readonly documentId: DocumentId;
  readonly version: Version;
}

/** One that lies in cold, which alone knows when it expires. */
export interface StoredDocument extends ListedDocument {
  readonly info: Pick<DocumentInfo, "expiresAtMs">;
}

export interface ListView {
  readonly hot: readonly (ListedDocument & { readonly position: Position })[];
  readonly cold: readonly ListedDocument[];
  /** False until the first merge: there is nothing to list in cold. */
  readonly coldExists: boolean;
}

/** To the question pool. The groups of the request have become a clause. */
export interface QuestionMessage extends Omit<AskRequest, "groups">, Asks<Answer> {
  readonly type: "question";
  readonly access: Access | undefined;
}

/** To a partition: which nodes share the partitions now, and which partitions are held. */
export interface OwnershipMessage {
  readonly type: "ownership";
  readonly view: OwnershipView;
  readonly start: NodeStart;
}

/** To a partition: a newer owner has written, so this node stands down (I6). */
export interface FencedMessage {
  readonly type: "fenced";
  /** The newer owner's. */
  readonly epoch: Epoch;
}

/**
 * To a partition: the lease of this epoch is another's, or gone, and nothing is answered under it
 * (I6).
 */
export interface LeaseLostMessage {
  readonly type: "lease-lost";
  readonly epoch: Epoch;
}

/** To a partition: an actor of the tenant failed for good; both are spawned again after a pause. */
export interface TenantFailedMessage {
  readonly type: "tenant-failed";
  readonly tenant: TenantId;
}

/** To a partition: what the tenant is at has changed. */
export interface LifeMessage {
  readonly type: "life";
  readonly tenant: TenantId;
}

/** To a partition: somebody asks a tenant that has no actors; it may be asleep. */
export interface WakeMessage extends Asks<void> {
  readonly type: "wake";
  readonly tenant: TenantId;
}

export type PartitionMessage =
  | OwnershipMessage
  | FencedMessage
  | LeaseLostMessage
  | TenantFailedMessage
  | LifeMessage
  | WakeMessage;

/** To the merge trigger. */
export type MergeTriggerMessage =
  | { readonly type: "unmerged"; readonly tenant: TenantId }
  /** Hot memory is at its bound: only a merge makes room. */
  | { readonly type: "pressure"; readonly tenant: TenantId };

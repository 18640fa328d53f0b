/**
 * Everything that actors say to each other. An actor knows these unions and mailboxes typed by them,
 * never another actor.
 */

import type { OwnershipView } from "../src/cluster/ownership.ts";
import type { Candidate } from "../src/contract/candidate.ts";
import type { Filter } from "../src/contract/filter.ts";
import type { DocumentId, Epoch, Position, TenantId, Version } from "../src/contract/ids.ts";
import type { Answer, AnswerEvent, Question } from "../src/contract/query.ts";
import type { PlacedRecord } from "../src/contract/record.ts";
import type { EmbedInput } from "../src/embedding/port.ts";
import type { Heads } from "../src/heads/heads.ts";
import type { NodeStart } from "../src/log/lease-port.ts";
import type { StoredManifest } from "../src/log/port.ts";
import type { Asks } from "../src/runtime/reply.ts";
import type { Admitted } from "./directory/bytes.ts";

/** To an embedder: vectors for all inputs, in their order. */
export interface EmbedRequest extends Asks<readonly Float32Array[]> {
  readonly type: "embed";
  /** For fairness between tenants; texts of one request may end up in several batches. */
  readonly tenant: TenantId;
  readonly inputs: readonly EmbedInput[];
  /** A request whose caller has gone is dropped unembedded. */
  readonly signal: AbortSignal;
}

export type EmbedderMessage = EmbedRequest;

/** To a tenant: its operations in log order. */
export type TenantWriterMessage =
  | { readonly type: "operation"; readonly admitted: Admitted }
  /** The shard was restarted and holds nothing: load it again. */
  | { readonly type: "reload" };

/** What a question sees of a tenant before it searches cold. */
export interface View {
  readonly visible: Version;
  /** Cold covers the log up to here; a later search is void if hot has dropped past it. */
  readonly watermark: Position;
  /** False until the first merge: there is nothing to search in cold. */
  readonly coldExists: boolean;
  /** The marker of this watermark was found in cold; undefined when it is time to look. */
  readonly markerSeen: boolean | undefined;
}

export type SearchOutcome =
  | {
      readonly kind: "found";
      readonly hot: readonly Candidate[];
      /** Cold hits whose version equals their head. */
      readonly cold: readonly Candidate[];
      readonly visible: Version;
      readonly hotMs: number;
    }
  /** Hot has dropped past the watermark that the question began with: search cold again. */
  | { readonly kind: "dropped"; readonly view: View };

/** To a tenant's shard: the one place that knows its heads. */
export type TenantViewMessage =
  /** Start anew from a manifest and its heads; the tail follows as `replay`. */
  | { readonly type: "load"; readonly stored: StoredManifest | null; readonly heads: Heads }
  | { readonly type: "replay"; readonly record: PlacedRecord }
  /** The tail is complete: from here on the shard answers. */
  | { readonly type: "ready"; readonly visible: Version }
  | { readonly type: "apply"; readonly record: PlacedRecord; readonly publishedAtMs: number }
  | { readonly type: "manifest"; readonly stored: StoredManifest }
  | { readonly type: "drop"; readonly watermark: Position }
  | { readonly type: "marker"; readonly watermark: Position; readonly seen: boolean }
  | ViewRequest
  | SearchRequest
  | DocumentRequest;

export interface ViewRequest extends Asks<View> {
  readonly type: "snapshot";
  /** Answer only when this version is visible (I8). */
  readonly minVersion: Version | undefined;
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

export interface SearchRequest extends Asks<SearchOutcome> {
  readonly type: "search";
  readonly watermark: Position;
  readonly coldHits: readonly Candidate[];
  readonly vector: Float32Array;
  readonly text: string;
  readonly limit: number;
  readonly filter: Filter | undefined;
}

export interface DocumentView {
  /** Undefined when the document is not live. */
  readonly version: Version | undefined;
  readonly visible: Version;
  readonly shard: "hot" | "cold";
}

export interface DocumentRequest extends Asks<DocumentView> {
  readonly type: "document";
  readonly documentId: DocumentId;
}

/** To the question pool. */
export interface QuestionMessage extends Asks<Answer> {
  readonly type: "question";
  readonly tenant: TenantId;
  readonly question: Question;
  readonly signal: AbortSignal;
  readonly onEvent: ((event: AnswerEvent) => void) | undefined;
}

/** To a partition. */
export type PartitionMessage =
  /** Who shares the partitions now, and which of them are held: decide again. */
  | { readonly type: "ownership"; readonly view: OwnershipView; readonly start: NodeStart }
  /** A newer owner has written: this node stands down (I6). */
  | { readonly type: "fenced"; readonly epoch: Epoch }
  /** The lease of this epoch is another's by now, or gone: nothing can be answered under it any more (I6). */
  | { readonly type: "lease-lost"; readonly epoch: Epoch }
  /** The tenant's actor failed for good; it is spawned again after a pause. */
  | { readonly type: "tenant-failed"; readonly tenant: TenantId };

/** To the merge trigger. */
export type MergeTriggerMessage =
  | { readonly type: "unmerged"; readonly tenant: TenantId; readonly chunks: number }
  /** Hot memory is at its bound: only a merge makes room. */
  | { readonly type: "pressure"; readonly tenant: TenantId };

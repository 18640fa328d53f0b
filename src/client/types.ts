/**
 * What goes over the wire, as this client's users see it. The client leans on no other room, so
 * these types are its own; test/client/types.test.ts compares each with the engine's schemas.
 */

export type Scalar = string | number | boolean;
export type Metadata = Readonly<Record<string, Scalar | readonly Scalar[]>>;

/** A document to store; it replaces all of an earlier one of this id. */
export interface Document {
  readonly op?: "upsert" | undefined;
  /** 1-512 bytes, chosen by the publisher. */
  readonly id: string;
  readonly text: string;
  readonly title?: string | undefined;
  readonly source?: string | undefined;
  /** RFC 3339, or unix seconds. */
  readonly timestamp?: string | number | undefined;
  /** From then on it is found no more. */
  readonly expires_at?: string | number | undefined;
  readonly language?: string | undefined;
  /** Labels of who may read it; absent: everybody of the tenant. */
  readonly acl?: readonly string[] | undefined;
  readonly metadata?: Metadata | undefined;
}

export interface Deletion {
  readonly op: "delete";
  readonly id: string;
}

export type Operation = Document | Deletion;

export interface Range {
  readonly gt?: string | number | undefined;
  readonly gte?: string | number | undefined;
  readonly lt?: string | number | undefined;
  readonly lte?: string | number | undefined;
}

/** Fields that must all hold: `{language: "en", "metadata.year": {gte: 2020}}`. */
export type FlatFilter = Readonly<Record<string, Scalar | readonly Scalar[] | Range>>;

export type FilterTree =
  | { readonly type: "and" | "or"; readonly filters: readonly FilterTree[] }
  | { readonly type: "not"; readonly filter: FilterTree }
  | { readonly type: "eq" | "ne"; readonly key: string; readonly value: Scalar }
  | { readonly type: "in" | "nin"; readonly key: string; readonly value: readonly Scalar[] }
  | {
      readonly type: "gt" | "gte" | "lt" | "lte";
      readonly key: string;
      readonly value: string | number;
    }
  | {
      readonly type: "contains";
      readonly key: string;
      readonly value: Scalar | readonly Scalar[];
    }
  | { readonly type: "exists"; readonly key: string; readonly value?: boolean | undefined };

export type Filter = FlatFilter | FilterTree;

export interface Turn {
  readonly role: "user" | "assistant";
  readonly content: string;
}

export interface Recency {
  readonly field?: "timestamp" | "published_at" | undefined;
  readonly half_life_s: number;
  readonly weight?: number | undefined;
}

/** What may be said of a question beside its words. */
export interface QuestionOptions {
  readonly top_k?: number | undefined;
  readonly max_tokens?: number | undefined;
  readonly filter?: Filter | undefined;
  readonly recency?: Recency | undefined;
  /** Read your writes; the client sets it to the newest `seq` that it has published. */
  readonly min_seq?: number | undefined;
  /** Every operation acknowledged longer ago is in the reply, or it is refused (`too_stale`). */
  readonly max_staleness_ms?: number | undefined;
  /** Documents as they were after this operation, or at this time (RFC 3339). */
  readonly as_of?: number | string | undefined;
  readonly wait_ms?: number | undefined;
  readonly deadline_ms?: number | undefined;
  readonly cache?: boolean | undefined;
  readonly rank_by?: "hybrid" | "dense" | "lexical" | undefined;
  readonly min_cosine?: number | undefined;
  readonly decline?: boolean | undefined;
  readonly diversity?: number | undefined;
  readonly context?: "chunk" | "window" | "document" | undefined;
  readonly rerank?: boolean | undefined;
  readonly explain?: boolean | undefined;
  readonly history?: readonly Turn[] | undefined;
  readonly instructions?: string | undefined;
  readonly language?: string | undefined;
  readonly max_sentences?: number | undefined;
  readonly quote?: boolean | undefined;
  /** Of a tenant that is re-embedded: this one, whichever answers by itself. */
  readonly generation?: number | undefined;
}

export interface Question extends QuestionOptions {
  readonly query: string;
}

export interface Source {
  readonly id: string;
  /** The `seq` of the publish that it comes from. */
  readonly version: number;
  readonly chunk: number;
  /** 0 to 1, comparable within one reply only; `cosine` is comparable between replies. */
  readonly score: number;
  readonly text: string;
  readonly start?: number | undefined;
  readonly end?: number | undefined;
  readonly heading?: string | undefined;
  readonly title?: string | undefined;
  readonly source?: string | undefined;
  readonly timestamp?: string | undefined;
  readonly published_at?: string | undefined;
  readonly expires_at?: string | undefined;
  readonly language?: string | undefined;
  readonly acl?: readonly string[] | undefined;
  readonly metadata?: Metadata | undefined;
  readonly shard: "hot" | "cold";
  readonly cosine?: number | undefined;
  readonly bm25?: number | undefined;
  readonly sparse?: number | undefined;
  readonly rerank?: number | undefined;
  readonly duplicates?: number | undefined;
  readonly context?:
    | { readonly text: string; readonly first: number; readonly last: number }
    | undefined;
}

export interface Citation {
  /** `[1]` in the answer is `sources[0]`. */
  readonly marker: number;
  readonly id: string;
  readonly version: number;
  readonly chunk: number;
  readonly seq: number;
  readonly shard: "hot" | "cold";
  readonly start?: number | undefined;
  readonly end?: number | undefined;
  readonly sentence: { readonly start: number; readonly end: number };
  readonly support: "supported" | "weak" | "unsupported";
}

/** What a reply rests on. */
export interface Coverage {
  readonly hot: "complete";
  readonly cold:
    | "complete"
    | "empty"
    | "resident"
    | "partial"
    | "timeout"
    | "unavailable"
    | "stale";
  readonly llm: string;
  readonly rerank?: "complete" | "timeout" | "unavailable" | undefined;
  readonly context?: "complete" | "partial" | undefined;
  readonly llm_reason?: "quota_exceeded" | undefined;
  readonly sparse?: "complete" | "partial" | "unavailable" | undefined;
}

export interface Relevance {
  readonly score: number;
  readonly threshold: number;
  readonly cosine: number;
  readonly coverage: number;
}

export interface Timings {
  readonly embed: number;
  readonly hot: number;
  readonly cold: number;
  readonly fuse: number;
  readonly llm: number;
  readonly total: number;
}

export interface ExplainedSource {
  readonly id: string;
  readonly chunk: number;
  readonly dense_rank: number;
  readonly lexical_rank?: number | undefined;
  readonly sparse_rank?: number | undefined;
  readonly fused_rank: number;
  readonly rerank_rank?: number | undefined;
  readonly nearness: number;
  readonly words: number;
  readonly sparse?: number | undefined;
  readonly lift?: number | undefined;
  readonly freshness: number;
  readonly fused: number;
}

export interface Explanation {
  readonly rank_by: "hybrid" | "dense" | "lexical";
  readonly weights: {
    readonly nearness: number;
    readonly words: number;
    readonly sparse?: number | undefined;
  };
  readonly terms: readonly { readonly term: string; readonly rarity: number }[];
  readonly shards: {
    readonly hot: number;
    readonly cold: number;
    readonly hidden_superseded: number;
    readonly hidden_expired: number;
    readonly cold_searches: number;
  };
  readonly pool: {
    readonly candidates: number;
    readonly repeated: number;
    readonly below_min_cosine: number;
    readonly unmatched: number;
    readonly duplicates: number;
    readonly beyond_top_k: number;
  };
  readonly sources: readonly ExplainedSource[];
  readonly prompt?:
    | { readonly sources: number; readonly chars: number; readonly cut: number }
    | undefined;
}

/** Tokens and cost of all calls of models for one question. */
export interface ModelUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cost?: number | undefined;
  readonly estimated?: boolean | undefined;
}

/** Why it was not the first endpoint of the chain that answered. */
export interface Fallback {
  readonly reason: string;
  readonly passed: readonly { readonly endpoint: string; readonly reason: string }[];
}

export interface Answer {
  /** Text with markers: `[1]` is `sources[0]`; empty for a search. */
  readonly answer: string;
  readonly sources: readonly Source[];
  readonly citations?: readonly Citation[] | undefined;
  readonly rewritten_query?: string | undefined;
  readonly origin?:
    | {
        readonly tenant: string;
        readonly deployment: string;
        /** Under which embedding model; absent for the first. */
        readonly generation?: number | undefined;
      }
    | undefined;
  readonly coverage: Coverage;
  /** Every operation of the tenant up to this one was covered. */
  readonly visible_seq: number;
  readonly as_of?: number | undefined;
  readonly cache?:
    | {
        readonly search: "hit" | "miss" | "off";
        readonly answer: "hit" | "miss" | "off" | "none";
      }
    | undefined;
  readonly relevance?: Relevance | undefined;
  readonly explain?: Explanation | undefined;
  readonly model?: string | undefined;
  readonly finish_reason?: "length" | undefined;
  readonly fallback?: Fallback | undefined;
  readonly usage?: ModelUsage | undefined;
  readonly timings: Timings;
}

/** Pieces of a streamed answer: one `retrieval`, any number of `delta`, one `done`. */
export type AnswerPiece =
  | {
      readonly type: "retrieval";
      readonly sources: readonly Source[];
      readonly coverage: Coverage;
    }
  | { readonly type: "delta"; readonly text: string }
  | { readonly type: "done"; readonly answer: Answer };

export type DocumentState =
  | {
      readonly id: string;
      readonly status: "visible";
      readonly seq: number;
      readonly shard: "hot" | "cold";
    }
  | { readonly id: string; readonly status: "absent"; readonly visible_seq: number };

export interface DocumentPage {
  readonly documents: readonly {
    readonly id: string;
    readonly seq: number;
    readonly shard: "hot" | "cold";
  }[];
  readonly next: string | null;
}

/** What became of an operation. */
export interface DocumentEvent {
  /** Null where the payload held none, and of a repetition. */
  readonly id: string | null;
  readonly seq: number;
  readonly status: "visible" | "deleted" | "superseded" | "rejected";
  readonly reason?: ErrorCode | undefined;
  readonly message?: string | undefined;
  readonly at: string;
}

/** One line of a batch: stored, or why not. */
export type LineResult =
  | { readonly line: number; readonly id: string; readonly seq: number }
  | { readonly line: number; readonly error: ErrorBody };

export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** Stable: new ones may come, none is renamed. */
export type ErrorCode =
  | "invalid_request"
  | "invalid_document"
  | "invalid_json"
  | "unknown_operation"
  | "invalid_tenant"
  | "unknown_tenant"
  | "tenant_suspended"
  | "tenant_erased"
  | "unauthorized"
  | "wrong_tenant"
  | "forbidden"
  | "not_found"
  | "no_results"
  | "events_expired"
  | "outside_window"
  | "history_too_large"
  | "method_not_allowed"
  | "request_timeout"
  | "wrong_incarnation"
  | "payload_key_unavailable"
  | "payload_unreadable"
  | "payload_plain"
  | "duplicate_id"
  | "limit_reached"
  | "document_too_large"
  | "unsupported_media_type"
  | "document_failed"
  | "replay_void"
  | "headers_too_large"
  | "overloaded"
  | "quota_exceeded"
  | "internal"
  | "not_ready"
  | "log_unavailable"
  | "log_identity"
  | "model_mismatch"
  | "embedding_unavailable"
  | "embedding_failed"
  | "cold_unavailable"
  | "cold_refused"
  | "identity_unavailable"
  | "temporal_unavailable"
  | "model_unavailable"
  | "not_visible_yet"
  | "too_stale"
  | "deadline_exceeded"
  | "broken_chain"
  | "cancelled";

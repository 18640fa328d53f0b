/**
 * The cold shard: merged chunks in Weaviate, one Weaviate tenant per tenant. It may hold more than
 * is live (late writers, failed clean-ups, resurrected objects): the heads decide what of it counts
 * (ARCHITECTURE.md, Heads).
 *
 *   C1  object ids are immutable: a function of tenant, document, version and chunk; writing twice
 *       is writing once;
 *   C2  an upsert that returned is complete, and survives kill -9: partial errors of the vendor are
 *       thrown;
 *   C3  a tenant never sees another tenant's objects (I9);
 *   C4  an object that the vendor refuses for good is named by its id, apart from an outage, and
 *       its neighbours are written;
 *   C5  a chunk is found by the terms that `terms` makes of its title, heading and text, as in the
 *       hot shard, and by no tokenisation of the vendor: a merge changes no answer;
 *   C6  what a reader's clause does not admit takes no place in a list: both are as long as they
 *       would be without it.
 */

import type { Access } from "../contract/access.ts";
import type { Candidate, Wanted } from "../contract/candidate.ts";
import type { Filter } from "../contract/filter.ts";
import type { DocumentId, Position, TenantId, Version } from "../contract/ids.ts";
import type { DocumentInfo, TextRange } from "../contract/record.ts";
import type { SparseVector } from "../contract/sparse.ts";

export interface ColdObject {
  /** UUIDv5, see `object-id.ts`. */
  readonly id: string;
  readonly documentId: DocumentId;
  readonly version: Version;
  readonly chunk: number;
  /**
   * How many its document has in this version: tells whether all are there when the log no longer
   * does.
   */
  readonly chunkCount: number;
  readonly text: string;
  readonly heading?: string | undefined;
  readonly range?: TextRange | undefined;
  readonly info: DocumentInfo;
  readonly vector: Float32Array;
  readonly sparse?: SparseVector | undefined;
}

/** What a walk tells of an object. */
export interface ColdEntry
  extends Pick<ColdObject, "id" | "documentId" | "version" | "chunk" | "chunkCount"> {
  readonly info: Pick<DocumentInfo, "expiresAtMs">;
  /**
   * It was stored by another Freshet: words find it, or find it as fast as others, only after
   * `renewTerms`.
   */
  readonly hasOldTerms?: true;
}

/** What is asked of those that have expired. */
export interface ExpiredPage {
  readonly atMs: number;
  readonly limit: number;
  readonly id?: string | undefined;
}

/** An object of a document that has expired. */
export type ExpiredEntry = Pick<ColdObject, "id" | "documentId" | "version">;

export interface ColdQuery {
  readonly tenant: TenantId;
  /** Unit norm. */
  readonly vector: Float32Array;
  /** The (redacted) question: lexical candidates are found by its terms. */
  readonly text: string;
  /** Candidates wanted from each of the two lists, dense and lexical. */
  readonly limit: number;
  /**
   * Leave out what has expired by then, unix milliseconds. Without it expired objects take their
   * places in the lists.
   */
  readonly aliveAtMs?: number | undefined;
  readonly filter?: Filter | undefined;
  /** Of the reader: what it does not admit is not there (C6). Undefined: all is. */
  readonly access?: Access | undefined;
  /** Siblings are not at hand here: see `stored`. */
  readonly wanted?: Pick<Wanted, "vectors"> | undefined;
  /** Of the question: candidates are scored by theirs. */
  readonly sparse?: SparseVector | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The trace that the search belongs to, for the vendor. */
  readonly traceparent?: string | undefined;
}

/**
 * Written by each merge for its `to`; compared with the manifest, it tells a cold shard that was
 * restored older. It lies with the chunks: what takes these away takes it, too.
 */
export interface ColdMarker {
  readonly to: Position;
  readonly version: Version;
}

/**
 * Every method rejects with FreshetError cold_unavailable when Weaviate does not do its part: a
 * later call may pass.
 */
/** What a search found. */
export interface ColdFound {
  readonly hits: readonly Candidate[];
  /**
   * A filter that the vendor cannot apply by itself hid so many that the search ended before it had
   * enough: others that match may be there.
   */
  readonly isCut: boolean;
  /** The vendor has no such tenant: of one that was merged all is lost, or not heard of yet. */
  readonly isUnknown?: true;
}

export interface ColdShard {
  /** Creates the collection and the tenant, explicitly; idempotent. */
  ensureTenant(tenant: TenantId): Promise<void>;
  /**
   * Writes all objects or throws; at most `limits.mergePageObjects` a call.
   * @throws RefusedObjectsError (cold_refused) when all are written but those that it names (C4)
   */
  upsert(tenant: TenantId, objects: readonly ColdObject[]): Promise<void>;
  /**
   * As `upsert`, for objects that a read-back missed: makes a search find them also where they are
   * stored already, and a plain write would be skipped as unchanged. Deletes nothing first, so it
   * may come late and twice. Refuses as `upsert`.
   */
  rewrite(tenant: TenantId, objects: readonly ColdObject[]): Promise<void>;
  /**
   * Read-back: id to version for those that a search can find, and will still find after kill -9.
   * What is stored but not found needs a `rewrite`. Pages itself.
   */
  versions(tenant: TenantId, ids: readonly string[]): Promise<ReadonlyMap<string, Version>>;
  /** Ids of the document's objects whose version is not `keep` (null: all of them). */
  staleIds(
    tenant: TenantId,
    document: { readonly documentId: DocumentId; readonly keep: Version | null },
  ): Promise<readonly string[]>;
  deleteIds(tenant: TenantId, ids: readonly string[]): Promise<void>;
  /**
   * The stored objects after the id `after` (null: from the first), in order of their ids, at most
   * `limit` (up to `limits.coldIdsPerRequestMax`); none is the end. All that is there, found by a
   * search or not. What is written or deleted meanwhile may be missed.
   */
  walk(
    tenant: TenantId,
    page: { readonly after: string | null; readonly limit: number },
  ): Promise<readonly ColdEntry[]>;
  /** How many objects are stored; those of versions that a merge has not cleaned yet count. */
  count(tenant: TenantId): Promise<number>;
  /**
   * The stored objects with these ids, with texts and vectors, as they were written; absent ones
   * are passed over. At most `limits.loadPageObjects` a call.
   */
  stored(tenant: TenantId, ids: readonly string[]): Promise<readonly ColdObject[]>;
  /**
   * Labels of the stored objects with these ids, undefined of one that has none; absent ids are not
   * in it. At most `limits.coldIdsPerRequestMax` a call.
   */
  labels(
    tenant: TenantId,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, readonly string[] | undefined>>;
  /**
   * At most `limit` objects of documents whose time was over at `atMs` (unix milliseconds), in no
   * order. Fewer are all. With `id` that object alone, if it is one of them.
   */
  expired(tenant: TenantId, page: ExpiredPage): Promise<readonly ExpiredEntry[]>;
  /**
   * Gives these objects the terms and the form of today, from what they hold themselves; absent
   * ids are passed over. May come late and twice.
   */
  renewTerms(tenant: TenantId, ids: readonly string[]): Promise<void>;
  /**
   * The best `limit` chunks by vector and the best by words, each once, with its cosine; unordered.
   * An unknown tenant has none.
   */
  search(query: ColdQuery): Promise<ColdFound>;
  /** Removes the tenant with all that it holds; nothing when there is none. May come twice. */
  eraseTenant(tenant: TenantId): Promise<void>;
  hasTenant(tenant: TenantId): Promise<boolean>;
  /** Takes the tenant out of the vendor's memory; the next use of any other method wakes it. */
  sleepTenant(tenant: TenantId): Promise<void>;
  writeMarker(tenant: TenantId, marker: ColdMarker): Promise<void>;
  readMarker(tenant: TenantId): Promise<ColdMarker | null>;
  /** Resolves when Weaviate answers. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

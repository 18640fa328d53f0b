/**
 * The hot shard of one tenant: the documents whose CHUNKS records are not merged yet, and of those
 * that are, what is kept while there is room. Searchable in memory. A function of the log (I7):
 * dropping it loses nothing. Every method is synchronous, because the owner masks cold hits and
 * searches hot in one step (ARCHITECTURE.md, Query).
 */

import type { Access } from "../contract/access.ts";
import type { Candidate, Wanted } from "../contract/candidate.ts";
import type { Filter } from "../contract/filter.ts";
import type { DocumentId, Position, Version } from "../contract/ids.ts";
import type { DocumentInfo, RecordChunk } from "../contract/record.ts";
import type { SparseVector } from "../contract/sparse.ts";

export interface HotDocument {
  readonly documentId: DocumentId;
  readonly version: Version;
  /**
   * Position of its record in CHUNKS: `dropThrough` compares it with the watermark. `noPosition`
   * stands for one that is not known: of a document that cold has and that is only kept.
   */
  readonly position: Position;
  readonly info: DocumentInfo;
  readonly chunks: readonly RecordChunk[];
}

export interface HotQuery {
  /** Unit norm. */
  readonly vector: Float32Array;
  /** The (redacted) question: lexical candidates are found by its terms. */
  readonly text: string;
  /** Candidates wanted from each of the two lists, dense and lexical. */
  readonly limit: number;
  readonly filter?: Filter | undefined;
  /** Of the reader: what it does not admit is not there (H5). Undefined: all is. */
  readonly access?: Access | undefined;
  readonly wanted?: Wanted | undefined;
  /** Of the question: candidates are scored by theirs. */
  readonly sparse?: SparseVector | undefined;
}

export interface HotAmount {
  readonly documents: number;
  readonly chunks: number;
  /** Vectors, texts and index structures, estimated. */
  readonly bytes: number;
}

export interface HotStats extends HotAmount {
  /** Of that, what cold has for good and memory keeps only to answer faster. */
  readonly kept: HotAmount;
}

/**
 *   H1  a search right after `upsert` finds the document, and only its newest version;
 *   H2  a search right after `delete` does not find the document;
 *   H3  filters and deletes apply inside the search: a filtered search is as complete as an
 *       unfiltered one;
 *   H4  a malformed vector is refused before native code sees it;
 *   H5  what a reader's clause does not admit changes nothing of what it is told: candidates,
 *       their scores and pages are as if it were not held.
 */
export interface HotShard {
  /**
   * Replaces any older version. @throws FreshetError internal on a vector that is not finite or of
   * wrong length
   */
  upsert(document: HotDocument): void;
  delete(documentId: DocumentId): void;
  /**
   * Documents whose position is at or below the watermark are kept from here on: cold has them, and
   * they are counted apart. It never goes back.
   */
  keepThrough(watermark: Position): void;
  /** Forgets documents whose position is at or below the watermark: cold has them. */
  dropThrough(watermark: Position): void;
  /** Union of the best dense and the best lexical chunks, each with its cosine; unordered. */
  search(query: HotQuery): readonly Candidate[];
  /** At most `limit` documents after a position, in log order, of those that are not kept only. */
  documents(page: {
    readonly after: Position;
    readonly limit: number;
    readonly access?: Access | undefined;
  }): readonly Pick<HotDocument, "documentId" | "version" | "position">[];
  has(documentId: DocumentId): boolean;
  /** What is known of a document that is held. */
  infoOf(documentId: DocumentId): DocumentInfo | undefined;
  /** All that is held, in no order. */
  held(): Iterable<Pick<HotDocument, "documentId" | "version" | "position">>;
  /** Documents held, kept ones among them. */
  readonly size: number;
  stats(): HotStats;
  /** Frees native memory and ends background builds. */
  close(): void;
}

export type HotShardFactory = (options: {
  readonly dimensions: number;
  /** True: no graphs, so that what is found never depends on when they were built. */
  readonly exact?: boolean | undefined;
}) => HotShard;

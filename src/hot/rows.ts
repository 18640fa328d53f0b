/** What the parts of a hot shard share: one entry per document, one row per chunk. */

import type { DocumentId, Position, Version } from "../contract/ids.ts";
import type { DocumentInfo } from "../contract/record.ts";
import type { Graph } from "./graph.ts";

export interface Entry {
  readonly documentId: DocumentId;
  readonly version: Version;
  readonly position: Position;
  readonly info: DocumentInfo;
  readonly rows: readonly Row[];
  /** Estimate of texts and bookkeeping, without vectors and postings. */
  readonly bytes: number;
}

export interface Row {
  readonly entry: Entry;
  /** Index of the chunk in its document. */
  readonly chunk: number;
  readonly text: string;
  readonly heading: string | undefined;
  /** False as soon as its document is replaced, deleted or dropped; every search looks. */
  alive: boolean;
  /** Where its vector is; compaction moves it. */
  slab: Slab;
  index: number;
  /** The graph that it is in, and its label there; null while it is in the tail. */
  segment: Segment | null;
  label: number;
  /** What the inverted index knows of it; null once it is taken out. */
  indexed: Indexed | null;
}

/** The chunks that hold a term, and how often. `dead` of them were taken out since it was last rewritten. */
export interface Posting {
  readonly term: string;
  rows: Row[];
  counts: number[];
  dead: number;
}

/** What a row keeps so that it can be taken out again, and room for its score in a running search. */
export interface Indexed {
  readonly postings: readonly Posting[];
  /** Number of terms. */
  readonly length: number;
  /** The search that `score` belongs to. */
  search: number;
  score: number;
}

/**
 * A block of vectors over shared memory, so that a builder thread reads it without a copy. Places are
 * never used twice: what a builder reads stays what it was, whatever dies meanwhile.
 */
export interface Slab {
  readonly vectors: Float32Array;
  /** Row of each place; undefined once dead or moved. */
  readonly rows: (Row | undefined)[];
  used: number;
  live: number;
  /** Live rows that no graph holds: a scan of the tail skips a slab without any. */
  tail: number;
}

/** An immutable graph over rows; label = index into `rows`. */
export interface Segment {
  readonly graph: Graph;
  readonly rows: (Row | undefined)[];
  live: number;
}

/** What the parts of a hot shard share: one entry per document, one row per chunk. */

import type { DocumentId, Position, Version } from "../contract/ids.ts";
import type { DocumentInfo } from "../contract/record.ts";
import type { Block, Placed } from "./block.ts";
import type { SparseBlock } from "./sparse-block.ts";

/** The documents with the same labels. */
export interface LabelSet {
  readonly key: string;
  /** Of no other set as long as this one has documents. */
  readonly number: number;
  /** Each once. Undefined: they have none. */
  readonly labels: readonly string[] | undefined;
  /** Of each label, where this set is among those that have it. */
  readonly places: number[];
  documents: number;
  rows: number;
  /** Terms of all rows, repetitions included. */
  terms: number;
}

export interface Entry {
  readonly documentId: DocumentId;
  readonly version: Version;
  readonly position: Position;
  readonly info: DocumentInfo;
  readonly rows: readonly Row[];
  /** Of all documents with the same labels. */
  readonly labels: LabelSet;
  /** Terms of all rows, repetitions included. */
  readonly terms: number;
  /** Sparse vectors of its rows (sparse-block.ts); undefined where none has one. */
  readonly sparse: SparseBlock | undefined;
  /** Estimate of texts, sparse vectors and bookkeeping, without vectors and postings. */
  readonly bytes: number;
  /** Cold has it for good: it is held only to answer faster. */
  kept: boolean;
  /** False as soon as the document is replaced, deleted or dropped; every search looks. */
  alive: boolean;
  /** The last filtered search that it matched. */
  matched: number;
}

export type RowBlock = Block<Row>;

export interface Row extends Placed<Row> {
  readonly entry: Entry;
  /** Index of the chunk in its document. */
  readonly chunk: number;
  readonly text: string;
  readonly heading: string | undefined;
  /** Where the text lies in its document, from and up to; -1 where that was not recorded. */
  readonly start: number;
  readonly end: number;
  /** Where the inverted index has it; undefined where it does not. */
  place: number | undefined;
}

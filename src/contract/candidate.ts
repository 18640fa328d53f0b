/**
 * A chunk that a shard found, before fusion. Both shards speak this, so that fusion compares like
 * with like.
 */

import type { DocumentId, Version } from "./ids.ts";
import type { DocumentInfo, TextRange } from "./record.ts";

/** What the words of a question say of a chunk, as its shard knows it. */
export interface LexicalMatch {
  /** How often the chunk's heading and text hold each term of the question (`queryTerms`). */
  readonly frequencies: readonly number[];
  /** Terms of heading and text, repetitions included. */
  readonly length: number;
}

/** A chunk of a document's version, as context of another one. */
export interface Passage {
  readonly chunk: number;
  readonly text: string;
  readonly range?: TextRange | undefined;
}

/** What a search brings beside what every question needs. */
export interface Wanted {
  /** The vectors of the candidates, to compare them with each other. */
  readonly vectors?: boolean | undefined;
  /** The other chunks of their documents, where the shard has them at hand. */
  readonly siblings?: boolean | undefined;
}

export interface Candidate {
  readonly shard: "hot" | "cold";
  readonly documentId: DocumentId;
  readonly version: Version;
  /** Index of the chunk in its document, from 0. */
  readonly chunk: number;
  readonly text: string;
  readonly heading?: string | undefined;
  /** Where the text lies in its document; absent where that was not recorded (format 1). */
  readonly range?: TextRange | undefined;
  readonly info: DocumentInfo;
  /** Cosine with the question's vector, -1…1; the same measure in both shards. */
  readonly cosine: number;
  /** For the question that was asked: it says nothing about another one. */
  readonly lexical: LexicalMatch;
  /**
   * Product of its sparse vector with the question's; the same number in both shards. Undefined
   * where the chunk has none, or the question.
   */
  readonly sparse?: number | undefined;
  /** Where it was wanted, of unit length. */
  readonly vector?: Float32Array | undefined;
  /**
   * Where they were wanted and are at hand: all chunks of this version, so that they cannot be of
   * another one than the one that was found.
   */
  readonly siblings?: (() => readonly Passage[]) | undefined;
}

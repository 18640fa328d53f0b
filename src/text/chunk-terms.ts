/**
 * The terms of a document's chunks, counted where it does no harm, as arrays that cross threads for
 * nothing.
 */

import type { LexicalMatch } from "../contract/candidate.ts";
import type { ChunkTerms } from "../contract/record.ts";
import { termCounts, terms } from "./lexical.ts";

export interface PackedTerms {
  /** Different terms of the document. */
  readonly vocabulary: readonly string[];
  /**
   * A term's place in the vocabulary and how often the chunk holds it, for all terms of all chunks.
   */
  readonly counts: Uint32Array<ArrayBuffer>;
  /** Where each chunk's end in `counts`. */
  readonly countEnds: Uint32Array<ArrayBuffer>;
  /** Terms of each chunk, repetitions included. */
  readonly lengths: Uint32Array<ArrayBuffer>;
}

/** All that a chunk is found by. */
export function indexedText(
  title: string | undefined,
  { heading, text }: { readonly heading?: string | undefined; readonly text: string },
): string {
  return [title, heading, text].filter(Boolean).join("\n");
}

/** What a reader is shown of a chunk: what fusion counts, wherever the chunk lies. */
export function shownText({
  heading,
  text,
}: {
  readonly heading?: string | undefined;
  readonly text: string;
}): string {
  return heading === undefined ? text : `${heading}\n${text}`;
}

/** Of a chunk whose terms nothing has kept: it is cut into them here. */
export function lexicalMatch(
  queried: readonly string[],
  chunk: { readonly heading?: string | undefined; readonly text: string },
): LexicalMatch {
  const list = terms(shownText(chunk));
  const counts = termCounts(list);
  return { frequencies: queried.map((term) => counts.get(term) ?? 0), length: list.length };
}

export function countTerms(texts: readonly string[]): PackedTerms {
  const places = new Map<string, number>();
  const counts: number[] = [];
  const countEnds = new Uint32Array(texts.length);
  const lengths = new Uint32Array(texts.length);
  for (const [index, text] of texts.entries()) {
    const list = terms(text);
    for (const [term, count] of termCounts(list)) {
      const place = places.get(term) ?? places.size;
      if (place === places.size) places.set(term, place);
      counts.push(place, count);
    }
    countEnds[index] = counts.length;
    lengths[index] = list.length;
  }
  return { vocabulary: [...places.keys()], counts: Uint32Array.from(counts), countEnds, lengths };
}

export function unpackTerms(packed: {
  readonly vocabulary: readonly string[];
  readonly counts: Uint32Array;
  readonly countEnds: Uint32Array;
  readonly lengths: Uint32Array;
}): ChunkTerms[] {
  const { vocabulary, counts, countEnds, lengths } = packed;
  return Array.from(lengths, (length, index) => {
    const from = index === 0 ? 0 : countEnds[index - 1];
    return { vocabulary, counts: counts.subarray(from, countEnds[index]), length };
  });
}

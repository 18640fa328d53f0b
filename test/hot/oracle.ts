/**
 * The hot shard as a sentence: keep the newest of each document, look at every chunk of those that
 * the reader may see, sort.
 */

import { expect } from "vitest";
import { admits } from "../../src/contract/access.ts";
import type { Candidate } from "../../src/contract/candidate.ts";
import { matchesFilter } from "../../src/contract/filter.ts";
import { dotProduct, onGrid } from "../../src/contract/vector.ts";
import type { HotDocument, HotQuery } from "../../src/hot/port.ts";
import { bm25, termCounts, terms } from "../../src/text/lexical.ts";

export interface Oracle {
  readonly documents: Map<string, HotDocument>;
  upsert(document: HotDocument): void;
  delete(id: string): void;
  dropThrough(position: number): void;
}

export function createOracle(): Oracle {
  const documents = new Map<string, HotDocument>();
  return {
    documents,
    upsert(document) {
      documents.set(document.documentId, document);
    },
    delete(id) {
      documents.delete(id);
    },
    dropThrough(position) {
      for (const [id, document] of documents) {
        if (document.position <= position) documents.delete(id);
      }
    },
  };
}

interface Expected {
  readonly key: string;
  readonly cosine: number;
  readonly lexical: number;
}

const keyOf = (hit: { documentId: string; version: number; chunk: number }): string =>
  `${hit.documentId}@${hit.version}#${hit.chunk}`;

/** Every chunk that the query may return, with both of its scores. */
function expectedChunks(oracle: Oracle, query: HotQuery): readonly Expected[] {
  const seen = [...oracle.documents.values()].filter(({ info }) => admits(query.access, info.acl));
  const chunks = seen.flatMap((document) =>
    document.chunks.map((chunk, index) => ({ document, chunk, index })),
  );
  const lists = chunks.map(({ document, chunk }) =>
    terms([document.info.title, chunk.heading, chunk.text].filter(Boolean).join("\n")),
  );
  const counts = lists.map(termCounts);
  const stats = {
    documents: chunks.length,
    averageLength: lists.reduce((sum, list) => sum + list.length, 0) / chunks.length,
    documentFrequency: (term: string) => counts.filter((count) => count.has(term)).length,
  };
  const queryTerms = terms(query.text);
  return chunks.flatMap(({ document, chunk, index }, at) => {
    const filterable = { id: document.documentId, ...document.info };
    if (!matchesFilter(filterable, query.filter)) return [];
    const own = counts[at] ?? new Map<string, number>();
    const length = lists[at]?.length ?? 0;
    return {
      key: keyOf({ ...document, chunk: index }),
      cosine: dotProduct(onGrid(chunk.vector), query.vector),
      lexical: bm25({ queryTerms, counts: own, length, stats }),
    };
  });
}

const best = (scores: readonly number[], count: number): readonly number[] =>
  scores.toSorted((left, right) => right - left).slice(0, count);

/** Ties may be cut either way, so the best scores are compared, not their owners. */
export function expectComplete(
  hits: readonly Candidate[],
  { oracle, query }: { readonly oracle: Oracle; readonly query: HotQuery },
): void {
  const expected = new Map(expectedChunks(oracle, query).map((chunk) => [chunk.key, chunk]));
  expect(new Set(hits.map(keyOf)).size).toBe(hits.length);
  const found = hits.map((hit) => {
    const chunk = expected.get(keyOf(hit));
    if (chunk === undefined) throw new Error(`${keyOf(hit)} is not live or does not match`);
    expect(hit.cosine).toBeCloseTo(chunk.cosine, 5);
    return chunk;
  });
  for (const measure of ["cosine", "lexical"] as const) {
    const scores = (chunks: Iterable<Expected>) =>
      [...chunks]
        .map((chunk) => chunk[measure])
        .filter((score) => measure === "cosine" || score > 0);
    const wanted = best(scores(expected.values()), query.limit);
    const got = best(scores(found), query.limit);
    expect(got.length).toBe(wanted.length);
    for (const [index, score] of wanted.entries()) expect(got[index]).toBeCloseTo(score, 5);
  }
}

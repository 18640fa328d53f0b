/** The search of the cold shard in memory: exact where Weaviate is approximate. */

import { admits } from "../contract/access.ts";
import type { Candidate } from "../contract/candidate.ts";
import { hasExpired } from "../contract/expiry.ts";
import { matchesFilter } from "../contract/filter.ts";
import { dotProduct } from "../contract/vector.ts";
import { lexicalMatch } from "../text/chunk-terms.ts";
import { bm25, type CorpusStats, queryTerms, termCounts } from "../text/lexical.ts";
import type { ColdObject, ColdQuery } from "./port.ts";
import { sparseScore } from "./sparse.ts";
import { questionTerms } from "./terms.ts";

export function wordsIn(terms: string): readonly string[] {
  return terms === "" ? [] : terms.split(" ");
}

type TermsById = ReadonlyMap<string, readonly string[]>;

/** The best by cosine and the best by BM25. */
export function bothLists(
  objects: readonly ColdObject[],
  terms: TermsById,
  query: ColdQuery,
): readonly Candidate[] {
  const { filter, access, limit, aliveAtMs } = query;
  const score = scorer(objects, terms, wordsIn(questionTerms(query.text)));
  const matching = objects
    .filter(
      ({ documentId, info }) =>
        admits(access, info.acl) &&
        matchesFilter({ id: documentId, ...info }, filter) &&
        (aliveAtMs === undefined || !hasExpired(info, aliveAtMs)),
    )
    .map((object) => ({
      object,
      cosine: dotProduct(object.vector, query.vector),
      score: score(object),
    }));
  const dense = matching.toSorted((left, right) => right.cosine - left.cosine);
  const lexical = matching
    .filter((each) => each.score > 0)
    .toSorted((left, right) => right.score - left.score);
  const found = new Set([...dense.slice(0, limit), ...lexical.slice(0, limit)]);
  const queried = queryTerms(query.text);
  return [...found].map(({ object, cosine }) => {
    const { documentId, version, chunk, text, heading, range, info } = object;
    const lexical = lexicalMatch(queried, object);
    const shown = { documentId, version, chunk, text, heading, range, info };
    const vector = query.wanted?.vectors === true ? object.vector : undefined;
    const own = { ...(vector && { vector }), ...sparseScore(object.sparse, query.sparse) };
    return { shard: "cold", ...shown, cosine, lexical, ...own };
  });
}

/** With the statistics of all that is stored, filtered or not, as Weaviate has them. */
function scorer(
  objects: readonly ColdObject[],
  terms: TermsById,
  queryTerms: readonly string[],
): (object: ColdObject) => number {
  const lists = objects.map(({ id }) => terms.get(id) ?? []);
  const frequency = new Map(
    queryTerms.map((term) => [term, lists.filter((list) => list.includes(term)).length]),
  );
  const stats: CorpusStats = {
    documents: lists.length,
    averageLength: lists.reduce((sum, { length }) => sum + length, 0) / (lists.length || 1),
    documentFrequency: (term) => frequency.get(term) ?? 0,
  };
  // Few objects have a word of the question: the others are not worth counting.
  const wanted = new Set(queryTerms);
  return ({ id }) => {
    const list = terms.get(id) ?? [];
    if (!list.some((term) => wanted.has(term))) return 0;
    return bm25({ queryTerms, counts: termCounts(list), length: list.length, stats });
  };
}

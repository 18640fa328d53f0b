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

/** What can be found, and the terms that were made when it was written. */
interface Stored {
  readonly objects: readonly ColdObject[];
  readonly terms: TermsById;
}

/** The best by cosine and the best by BM25, which may have been found before. */
export function bothLists(
  stored: Stored,
  query: ColdQuery,
  byWords: readonly ColdObject[] = bestByWords(stored, query),
): readonly Candidate[] {
  const byVector = matching(stored.objects, query)
    .map((object) => ({ object, cosine: dotProduct(object.vector, query.vector) }))
    .toSorted((left, right) => right.cosine - left.cosine)
    .slice(0, query.limit);
  const found = new Map(byVector.map(({ object }) => [object.id, object]));
  for (const object of byWords) if (!found.has(object.id)) found.set(object.id, object);
  const queried = queryTerms(query.text);
  return [...found.values()].map((object) => {
    const { documentId, version, chunk, text, heading, range, info } = object;
    const lexical = lexicalMatch(queried, object);
    const cosine = dotProduct(object.vector, query.vector);
    const shown = { documentId, version, chunk, text, heading, range, info };
    const vector = query.wanted?.vectors === true ? object.vector : undefined;
    const own = { ...(vector && { vector }), ...sparseScore(object.sparse, query.sparse) };
    return { shard: "cold", ...shown, cosine, lexical, ...own };
  });
}

type Matched = Pick<ColdQuery, "text" | "filter" | "access" | "limit" | "aliveAtMs">;

export function bestByWords({ objects, terms }: Stored, query: Matched): readonly ColdObject[] {
  const score = scorer(objects, terms, wordsIn(questionTerms(query.text)));
  return matching(objects, query)
    .map((object) => ({ object, score: score(object) }))
    .filter((each) => each.score > 0)
    .toSorted((left, right) => right.score - left.score)
    .slice(0, query.limit)
    .map(({ object }) => object);
}

function matching(
  objects: readonly ColdObject[],
  { filter, access, aliveAtMs }: Matched,
): readonly ColdObject[] {
  return objects.filter(
    ({ documentId, info }) =>
      admits(access, info.acl) &&
      matchesFilter({ id: documentId, ...info }, filter) &&
      (aliveAtMs === undefined || !hasExpired(info, aliveAtMs)),
  );
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

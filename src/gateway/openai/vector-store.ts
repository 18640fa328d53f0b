/** Search in the form of OpenAI's vector stores: the documents of a tenant are one, of its name. */

import { z } from "zod";
import { limits } from "../../contract/limits.ts";
import type { Answer, Source } from "../../contract/query.ts";
import type { Places } from "../in-their-words.ts";
import { parsed } from "../parsed.ts";

const text = z.string();

export const storeSearchSchema = z.looseObject({
  query: z.union([text, z.array(text).min(1).max(16)]),
  max_num_results: z.int().min(1).max(limits.topKMax).nullish(),
  /** The filter of a question: its tree has the same grammar. */
  filters: z.unknown().optional(),
  ranking_options: z.looseObject({ score_threshold: z.number().min(0).max(1).nullish() }).nullish(),
});
export type StoreSearch = z.infer<typeof storeSearchSchema>;

/** @throws FreshetError invalid_request, which names the first field of ours that is wrong */
export function parseStoreSearch(body: unknown): StoreSearch {
  return parsed(storeSearchSchema, body, ["score_threshold"]);
}

/** As OpenAI has it. */
const resultsDefault = 10;

export const storePlaces: Places = { top_k: "max_num_results", filter: "filters" };

/** The body of a question, unchecked. */
export function storeQuestionOf({ query, max_num_results, filters }: StoreSearch) {
  return {
    query: [query].flat().join("\n"),
    top_k: max_num_results ?? resultsDefault,
    mode: "search",
    ...(filters === undefined || filters === null ? {} : { filter: filters }),
  };
}

export function storePageOf(search: StoreSearch, { sources }: Pick<Answer, "sources">): object {
  const least = search.ranking_options?.score_threshold ?? 0;
  const data = sources.filter(({ score }) => score >= least).map(resultOf);
  return {
    object: "vector_store.search_results.page",
    search_query: [search.query].flat(),
    data,
    has_more: false,
    next_page: null,
  };
}

function resultOf(source: Source): object {
  const { id, version, chunk, score, heading, source: origin, timestamp, published_at } = source;
  const described = { version, chunk, heading, source: origin, timestamp, published_at };
  const attributes = Object.entries({ ...source.metadata, ...described }).filter(
    ([, value]) => value !== undefined,
  );
  return {
    file_id: id,
    filename: source.title ?? origin ?? id,
    score,
    attributes: Object.fromEntries(attributes),
    content: [{ type: "text", text: source.text }],
  };
}

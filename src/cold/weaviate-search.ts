/**
 * One search: what is asked of Weaviate, and what of its replies counts. Two requests at once, one
 * by vector and one by words, because its own hybrid search brings one mixed list: which chunks are
 * in that depends on scores that the hot shard does not have, and a merge would change answers.
 */

import type { Collection, FilterValue, WeaviateClient } from "weaviate-client";
import { Filters } from "weaviate-client";
import type { Candidate } from "../contract/candidate.ts";
import { matchesFilter } from "../contract/filter.ts";
import { limits } from "../contract/limits.ts";
import { queryTerms } from "../text/lexical.ts";
import type { ColdQuery } from "./port.ts";
import { questionTerms } from "./terms.ts";
import { type NativeClause, type NativeLeaf, nativeFilter } from "./weaviate-filter.ts";
import {
  type Asked,
  type ChunkProperties,
  candidateOf,
  candidateProperties,
  vectorName,
} from "./weaviate-object.ts";
import { collectionsOf } from "./weaviate-schema.ts";

/**
 * How much more is fetched when too few hits passed the part of a filter that Weaviate cannot
 * apply.
 */
const growth = 4;

export type ChunkCollection = Collection<ChunkProperties>;

export function chunksOf(client: WeaviateClient, tenant: string): ChunkCollection {
  // `use` is typed for collections with generated types; the cast names ours once.
  const { chunks } = collectionsOf(client);
  return client.collections.use<string, ChunkProperties>(chunks).withTenant(tenant);
}

/** The best `query.limit` chunks by vector and the best by words, each once. */
export async function searchBothWays(
  chunks: ChunkCollection,
  query: ColdQuery,
  signal: AbortSignal,
): Promise<readonly Candidate[]> {
  const native = nativeFilter(query.filter);
  const { clause, exact } = native;
  if (clause === "none") return [];
  const terms = questionTerms(query.text);
  const request = { query, exact, filters: filtersOf(chunks, clause, query.aliveAtMs) };
  const asked = { vector: query.vector, queryTerms: queryTerms(query.text) };
  const lists = await Promise.all([
    bestOf(byVector(chunks, asked, signal), request),
    terms === "" ? [] : bestOf(byTerms(chunks, { ...asked, terms }, signal), request),
  ]);
  const found = new Map<string, Candidate>();
  for (const hit of lists.flat()) {
    const { documentId, version, chunk } = hit;
    found.set(JSON.stringify([documentId, version, chunk]), hit);
  }
  return [...found.values()];
}

interface ListOptions {
  readonly limit: number;
  readonly filters: FilterValue | undefined;
}

/** Best first. */
type List = (options: ListOptions) => Promise<readonly Candidate[]>;

interface ListRequest {
  readonly query: ColdQuery;
  readonly exact: boolean;
  readonly filters: FilterValue | undefined;
}

/** One request, unless a metadata range has to be checked here. */
async function bestOf(
  list: List,
  { query, exact, filters }: ListRequest,
): Promise<readonly Candidate[]> {
  const fetchMax = Math.max(query.limit, limits.coldOverFetchMax);
  let fetch = exact ? query.limit : Math.min(query.limit * growth, fetchMax);
  for (;;) {
    const found = await list({ limit: fetch, filters });
    const hits = found.filter((hit) =>
      matchesFilter({ id: hit.documentId, ...hit.info }, query.filter),
    );
    const exhausted = found.length < fetch || fetch >= fetchMax;
    // A native filter lets too much through only where Weaviate trims blanks: then, too, ask for
    // more.
    if (hits.length >= query.limit || exhausted || hits.length === found.length) {
      return hits.slice(0, query.limit);
    }
    fetch = Math.min(fetch * growth, fetchMax);
  }
}

/** What both requests say beside what they search for. */
function optionsOf({ limit, filters }: ListOptions) {
  return {
    limit,
    includeVector: true,
    returnProperties: [...candidateProperties],
    ...(filters === undefined ? {} : { filters }),
  };
}

function byVector(chunks: ChunkCollection, asked: Asked, abortSignal: AbortSignal): List {
  const near = Array.from(asked.vector);
  return async (options) => {
    const request = { ...optionsOf(options), targetVector: vectorName };
    const reply = await chunks.query.nearVector(near, request, { abortSignal });
    return reply.objects.map((object) => candidateOf(object, asked));
  };
}

function byTerms(
  chunks: ChunkCollection,
  asked: Asked & { readonly terms: string },
  abortSignal: AbortSignal,
): List {
  return async (options) => {
    const request = { ...optionsOf(options), queryProperties: ["terms" as const] };
    const reply = await chunks.query.bm25(asked.terms, request, { abortSignal });
    return reply.objects.map((object) => candidateOf(object, asked));
  };
}

/**
 * Also where an object has no such property, as nothing that does not expire has: what is not below
 * is above, or nowhere.
 */
function alive(chunks: ChunkCollection, atMs: number): FilterValue {
  return Filters.not(chunks.filter.byProperty("expiresAt").lessOrEqual(atMs));
}

function filtersOf(
  chunks: ChunkCollection,
  clause: NativeClause | undefined,
  aliveAtMs: number | undefined,
): FilterValue | undefined {
  const parts = clause === undefined ? [] : [vendorFilter(chunks, clause)];
  if (aliveAtMs !== undefined) parts.push(alive(chunks, aliveAtMs));
  return parts.length <= 1 ? parts[0] : Filters.and(...parts);
}

function vendorFilter(chunks: ChunkCollection, clause: NativeClause): FilterValue {
  if ("and" in clause) return Filters.and(...clause.and.map((each) => vendorFilter(chunks, each)));
  if ("or" in clause) return Filters.or(...clause.or.map((each) => vendorFilter(chunks, each)));
  if ("not" in clause) return Filters.not(vendorLeaf(chunks, clause.not));
  return vendorLeaf(chunks, clause);
}

function vendorLeaf(chunks: ChunkCollection, leaf: NativeLeaf): FilterValue {
  const property = chunks.filter.byProperty(leaf.property);
  if ("anyOf" in leaf) return property.containsAny([...leaf.anyOf]);
  if ("beginsWith" in leaf) return property.like(`${leaf.beginsWith}*`);
  switch (leaf.bound) {
    case "gt":
      return property.greaterThan(leaf.value);
    case "gte":
      return property.greaterOrEqual(leaf.value);
    case "lt":
      return property.lessThan(leaf.value);
    case "lte":
      return property.lessOrEqual(leaf.value);
  }
}

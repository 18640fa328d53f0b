/** One hybrid search: what is asked of Weaviate, and what of its reply counts. */

import type { Collection, FilterValue, WeaviateClient } from "weaviate-client";
import { Filters } from "weaviate-client";
import type { Candidate } from "../contract/candidate.ts";
import { matchesFilter } from "../contract/filter.ts";
import { limits } from "../contract/limits.ts";
import type { ColdQuery } from "./port.ts";
import { type NativeClause, type NativeLeaf, nativeFilter } from "./weaviate-filter.ts";
import {
  type ChunkProperties,
  candidateOf,
  candidateProperties,
  vectorName,
} from "./weaviate-object.ts";
import { collectionsOf } from "./weaviate-schema.ts";

/** Weight of the vector half; the keyword half has the rest. */
const alpha = 0.5;
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

/**
 * Best `query.limit` chunks, best first. One request, unless a metadata range has to be checked
 * here.
 */
export async function hybridSearch(
  chunks: ChunkCollection,
  query: ColdQuery,
  signal: AbortSignal,
): Promise<readonly Candidate[]> {
  const native = nativeFilter(query.filter);
  const { clause } = native;
  if (clause === "none") return [];
  const fetchMax = Math.max(query.limit, limits.coldOverFetchMax);
  let fetch = native.exact ? query.limit : Math.min(query.limit * growth, fetchMax);
  for (;;) {
    const found = await fetchHits(chunks, { query, clause, fetch }, signal);
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

async function fetchHits(
  chunks: ChunkCollection,
  request: {
    readonly query: ColdQuery;
    readonly clause: NativeClause | undefined;
    readonly fetch: number;
  },
  signal: AbortSignal,
): Promise<readonly Candidate[]> {
  const { query, clause, fetch } = request;
  const filters = clause && vendorFilter(chunks, clause);
  const reply = await chunks.query.hybrid(
    query.text.toWellFormed(),
    {
      vector: Array.from(query.vector),
      alpha,
      fusionType: "RelativeScore",
      queryProperties: ["text", "title", "heading"],
      targetVector: vectorName,
      limit: fetch,
      includeVector: true,
      returnProperties: [...candidateProperties],
      ...(filters === undefined ? {} : { filters }),
    },
    { abortSignal: signal },
  );
  return reply.objects.map((object) => candidateOf(object, query.vector));
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

/** One hybrid search: what is asked of Weaviate, and what of its reply counts. */

import type { Collection, FilterValue, WeaviateClient } from "weaviate-client";
import { Filters } from "weaviate-client";
import type { Candidate } from "../contract/candidate.ts";
import { matchesFilter } from "../contract/filter.ts";
import { limits } from "../contract/limits.ts";
import type { ColdQuery } from "./port.ts";
import {
  matchesNothing,
  type NativeClause,
  type NativeFilter,
  nativeFilter,
} from "./weaviate-filter.ts";
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
  if (matchesNothing(native)) return [];
  const fetchMax = Math.max(query.limit, limits.coldOverFetchMax);
  let fetch = native.exact ? query.limit : Math.min(query.limit * growth, fetchMax);
  for (;;) {
    const found = await fetchHits(chunks, { query, native, fetch }, signal);
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
  request: { readonly query: ColdQuery; readonly native: NativeFilter; readonly fetch: number },
  signal: AbortSignal,
): Promise<readonly Candidate[]> {
  const { query, native, fetch } = request;
  const filters = vendorFilter(chunks, native.clauses);
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

function vendorFilter(
  chunks: ChunkCollection,
  clauses: readonly NativeClause[],
): FilterValue | undefined {
  const parts = clauses.map((clause) => vendorClause(chunks, clause));
  if (parts.length <= 1) return parts[0];
  return Filters.and(...parts);
}

function vendorClause(chunks: ChunkCollection, clause: NativeClause): FilterValue {
  const property = chunks.filter.byProperty(clause.property);
  if ("anyOf" in clause) return property.containsAny([...clause.anyOf]);
  switch (clause.bound) {
    case "gt":
      return property.greaterThan(clause.value);
    case "gte":
      return property.greaterOrEqual(clause.value);
    case "lt":
      return property.lessThan(clause.value);
    case "lte":
      return property.lessOrEqual(clause.value);
  }
}

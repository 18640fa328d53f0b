/**
 * One search: what is asked of Weaviate, and what of its replies counts. Two requests at once, one
 * by vector and one by words, because its own hybrid search brings one mixed list: which chunks are
 * in that depends on scores that the hot shard does not have, and a merge would change answers.
 */

import type { Collection, WeaviateClient } from "weaviate-client";
import { admits } from "../contract/access.ts";
import type { Candidate } from "../contract/candidate.ts";
import { matchesFilter } from "../contract/filter.ts";
import { type TenantId, tenantOf } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { queryTerms } from "../text/lexical.ts";
import type { ColdFound, ColdObject, ColdQuery } from "./port.ts";
import { questionTerms } from "./terms.ts";
import type { SearchChannel } from "./weaviate-channel.ts";
import {
  type NativeClause,
  type NativeLeaf,
  nativeAccess,
  nativeBoth,
  nativeFilter,
} from "./weaviate-filter.ts";
import {
  type Asked,
  type ChunkProperties,
  candidateOf,
  candidateOfObject,
  candidateProperties,
  sparseProperties,
  vectorName,
} from "./weaviate-object.ts";
import { collectionsOf } from "./weaviate-schema.ts";
import type { WireFilter, WireHit, WireSearch } from "./weaviate-wire.ts";

/**
 * How much more is fetched when too few hits passed the part of a filter that Weaviate cannot
 * apply.
 */
const growth = 4;

export type ChunkCollection = Collection<ChunkProperties>;

export function chunksOf(client: WeaviateClient, name: TenantId): ChunkCollection {
  // `use` is typed for collections with generated types; the cast names ours once.
  const { chunks } = collectionsOf(client, name);
  return client.collections.use<string, ChunkProperties>(chunks).withTenant(tenantOf(name));
}

/** Where a search is sent, and until when. */
export interface SearchedThrough {
  readonly client: WeaviateClient;
  readonly channel: SearchChannel;
  readonly signal: AbortSignal;
  /** All that is stored of these objects. */
  readonly stored: (ids: readonly string[]) => Promise<readonly ColdObject[]>;
}

export const nothingFound: ColdFound = { hits: [], isCut: false };

/** The best `query.limit` chunks by vector and the best by words, each once. */
export async function searchBothWays(
  through: SearchedThrough,
  query: ColdQuery,
): Promise<ColdFound> {
  // The mandatory part stands beside all that was asked for: neither can widen the other.
  const { clause, exact } = nativeBoth(nativeAccess(query.access), nativeFilter(query.filter));
  if (clause === "none") return nothingFound;
  const { tenant, text, vector } = query;
  const common = {
    collection: collectionsOf(through.client, tenant).chunks,
    tenant: tenantOf(tenant),
    ...{ properties: query.sparse === undefined ? candidateProperties : sparseProperties },
    vectors: [vectorName],
    filter: filterOf(clause, query.aliveAtMs),
  };
  const candidates = candidatesFor(query, through.stored);
  const listBy =
    (by: WireSearch["by"]): List =>
    async (limit) => {
      const { channel, signal } = through;
      return candidates(await channel.search({ ...common, by, limit }, signal, query.traceparent));
    };
  const words = questionTerms(text);
  const lists = await Promise.all([
    bestOf(listBy({ vector, target: vectorName }), { query, exact }),
    words === "" ? nothingFound : bestOf(listBy({ words, property: "terms" }), { query, exact }),
  ]);
  return {
    hits: [...new Set(lists.flatMap(({ hits }) => hits))],
    isCut: lists.some(({ isCut }) => isCut),
  };
}

/** Hits to candidates: what both lists find is read once. */
function candidatesFor(
  { text, vector, wanted, sparse }: ColdQuery,
  stored: SearchedThrough["stored"],
): (hits: readonly WireHit[]) => Promise<readonly Candidate[]> {
  const withVectors = wanted?.vectors === true;
  const asked: Asked = { vector, queryTerms: queryTerms(text), withVectors, sparse };
  const known = new Map<string, Candidate>();
  return async (hits) => {
    const old: string[] = [];
    for (const hit of hits) {
      if (known.has(hit.id)) continue;
      const candidate = candidateOf(hit, asked);
      if (candidate === undefined) old.push(hit.id);
      else known.set(hit.id, candidate);
    }
    // Until a scrub has written them anew, they cost a second request.
    for (let at = 0; at < old.length; at += limits.coldIdsPerRequestMax) {
      const objects = await stored(old.slice(at, at + limits.coldIdsPerRequestMax));
      for (const object of objects) {
        if (!known.has(object.id)) known.set(object.id, candidateOfObject(object, asked));
      }
    }
    return hits.flatMap(({ id }) => known.get(id) ?? []);
  };
}

/** Best first. */
type List = (limit: number) => Promise<readonly Candidate[]>;

interface ListRequest {
  readonly query: ColdQuery;
  readonly exact: boolean;
}

/** One request, unless a metadata range has to be checked here. */
async function bestOf(list: List, { query, exact }: ListRequest): Promise<ColdFound> {
  const fetchMax = Math.max(query.limit, limits.coldOverFetchMax);
  let fetch = exact ? query.limit : Math.min(query.limit * growth, fetchMax);
  for (;;) {
    const found = await list(fetch);
    const hits = found.filter(
      ({ documentId, info }) =>
        admits(query.access, info.acl) && matchesFilter({ id: documentId, ...info }, query.filter),
    );
    // A native filter lets too much through only where Weaviate trims blanks: then, too, ask for
    // more.
    const isEnough = hits.length >= query.limit || hits.length === found.length;
    if (isEnough || found.length < fetch || fetch >= fetchMax) {
      return { hits: hits.slice(0, query.limit), isCut: !isEnough && found.length >= fetch };
    }
    fetch = Math.min(fetch * growth, fetchMax);
  }
}

/**
 * Also where an object has no such property, as nothing that does not expire has: what is not below
 * is above, or nowhere.
 */
function alive(atMs: number): WireFilter {
  const hasExpired = { operator: "lte", property: "expiresAt", value: atMs } as const;
  return { operator: "not", filters: [hasExpired] };
}

function filterOf(
  clause: NativeClause | undefined,
  aliveAtMs: number | undefined,
): WireFilter | undefined {
  const filters = clause === undefined ? [] : [wireFilter(clause)];
  if (aliveAtMs !== undefined) filters.push(alive(aliveAtMs));
  return filters.length <= 1 ? filters[0] : { operator: "and", filters };
}

function wireFilter(clause: NativeClause): WireFilter {
  if ("and" in clause) return { operator: "and", filters: clause.and.map(wireFilter) };
  if ("or" in clause) return { operator: "or", filters: clause.or.map(wireFilter) };
  if ("not" in clause) return { operator: "not", filters: [wireLeaf(clause.not)] };
  return wireLeaf(clause);
}

function wireLeaf(leaf: NativeLeaf): WireFilter {
  const { property } = leaf;
  if ("anyOf" in leaf) return { operator: "containsAny", property, value: leaf.anyOf };
  if ("beginsWith" in leaf) return { operator: "like", property, value: `${leaf.beginsWith}*` };
  return { operator: leaf.bound, property, value: leaf.value };
}

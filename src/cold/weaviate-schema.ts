/**
 * The collection. Everything explicit: with auto-schema a typo would become a property.
 *
 *   WS1  collections that carry a deployment are used by no other one: its scrub would delete our
 *        objects as orphans, its markers would speak for our merges. The second deployment on one
 *        Weaviate has collections with names of its own. Whose the common ones are is known when
 *        they are there: until then it is asked again before each use;
 *   WS2  collections from before deployments were distinguished belong to the first that finds
 *        them;
 *   WS4  the vectors of a collection are of one model for each tenant, and may be of any width: a
 *        tenant's generation n, from the second on, lies in the collections with `_G<n>`;
 *   WS3  a collection that Weaviate keeps more than one copy of is refused: a search asks one node,
 *        and one that comes back after an outage lacks objects, of which nothing is said.
 */

import type { CollectionConfigCreate, WeaviateClient } from "weaviate-client";
import weaviate from "weaviate-client";
import { FreshetError } from "../contract/errors.ts";
import { generationOf, type TenantId } from "../contract/ids.ts";
import { bm25Constants } from "../text/lexical.ts";
import { vectorName } from "./weaviate-object.ts";

/** What a client works with; remembered for as long as its connection. */
export interface Collections {
  readonly chunks: string;
  /** An earlier Freshet made it: it is read and emptied where it is (weaviate-marker.ts). */
  readonly markers: string;
  /** Of the deployment that uses them; undefined where deployments are not compared. */
  readonly deployment?: string | undefined;
}

const common: Collections = { chunks: "FreshetChunk", markers: "FreshetMarker" };
/** `isForGood`: they were found to be ours; whose they are does not change any more. */
type Claim = { readonly collections: Collections; readonly isForGood: boolean };
const claimed = new WeakMap<WeaviateClient, Claim>();

/**
 * @param name whose: a later generation of a tenant has vectors of another model, so they lie in
 * collections of their own, under the tenant's own name (WS4)
 */
export function collectionsOf(client: WeaviateClient, name?: TenantId): Collections {
  const first = claimed.get(client)?.collections ?? common;
  const generation = name === undefined ? 1 : generationOf(name);
  if (generation === 1) return first;
  const suffix = `_G${generation}`;
  return { ...first, chunks: first.chunks + suffix, markers: first.markers + suffix };
}

/** What the one node of a cluster said holds for the other. */
export function takeOverCollections(client: WeaviateClient, from: WeaviateClient): void {
  const claim = claimed.get(from);
  if (claim !== undefined) claimed.set(client, claim);
}

/**
 * Nobody had made any when they were claimed, and another deployment may have been faster since.
 */
export function mustClaimAgain(client: WeaviateClient): boolean {
  return claimed.get(client)?.isForGood === false;
}

/**
 * Before anything else (WS1), and until they are there before each use: names that are only
 * expected may become another deployment's, and who looks for its tenants there finds none.
 * Resolves with whether they have the common names.
 */
export async function claimCollections(
  client: WeaviateClient,
  deployment: string,
): Promise<boolean> {
  const owner = await ownerOf(client, common.chunks);
  if (owner === "unclaimed") await adopt(client, deployment);
  const isOurs =
    owner === undefined ||
    owner === deployment ||
    (owner === "unclaimed" && (await ownerOf(client, common.chunks)) === deployment);
  if (isOurs) {
    claimed.set(client, {
      collections: { ...common, deployment },
      isForGood: owner === deployment,
    });
  } else claimOwn(client, deployment);
  return isOurs;
}

/** With names that no other deployment takes. */
function claimOwn(client: WeaviateClient, deployment: string): void {
  const [chunks, markers] = [`${common.chunks}_${deployment}`, `${common.markers}_${deployment}`];
  claimed.set(client, { collections: { deployment, chunks, markers }, isForGood: true });
}

/** Undefined when there is no such collection. */
async function ownerOf(client: WeaviateClient, name: string): Promise<string | undefined> {
  if (!(await client.collections.exists(name))) return undefined;
  const { description = "" } = await client.collections.use(name).config.get();
  return /\bdeployment ([0-9a-f]{16})\b/.exec(description)?.[1] ?? "unclaimed";
}

/** WS2. */
async function adopt(client: WeaviateClient, deployment: string): Promise<void> {
  for (const [name, description] of [
    [common.chunks, chunks.description],
    [common.markers, markersDescription],
  ] as const) {
    if (await client.collections.exists(name)) {
      const owned = ownedBy(description, deployment);
      await client.collections.use(name).config.update({ description: owned });
    }
  }
}

/**
 * A misspelt tenant must be an error, and a cold tenant must not wake up half-way through a delete.
 */
const multiTenancy = { enabled: true, autoTenantCreation: false, autoTenantActivation: false };

const shown = { indexFilterable: false, indexSearchable: false } as const;
/** Terms are ours (terms.ts): cut at blanks, nothing folded, nothing left out. */
const searched = {
  tokenization: "whitespace",
  indexFilterable: false,
  indexSearchable: true,
} as const;
const matched = { tokenization: "field", indexFilterable: true, indexSearchable: false } as const;

const aTime = { dataType: "number", indexFilterable: true, indexRangeFilters: true } as const;

/**
 * What collections of an earlier Freshet lack; without a property every write that has it would be
 * refused. Only added to, in the order in which they came.
 */
const addedProperties = [
  { name: "chunkCount", dataType: "int", indexFilterable: false },
  { name: "terms", dataType: "text", ...searched },
  { name: "termsVersion", dataType: "int", indexFilterable: false },
  { name: "publishedAt", ...aTime },
  { name: "expiresAt", ...aTime },
  { name: "language", dataType: "text", ...matched },
  { name: "acl", dataType: "text[]", ...matched },
  { name: "range", dataType: "int[]", indexFilterable: false },
  { name: "record", dataType: "text", ...shown },
  { name: "sparse", dataType: "text", ...shown },
  // Up to 2^53, as `version`: of the marker alone (weaviate-marker.ts).
  { name: "markedTo", dataType: "number", indexFilterable: false },
] as const;

/**
 * The vendor's own stop words would take terms away that the hot shard has; ours are taken out
 * where terms are made.
 */
const invertedIndex = {
  stopwords: { preset: "none", additions: [], removals: [] },
  bm25: bm25Constants,
};

/**
 * How many places a search looks at for each chunk that it is to find; Weaviate's own choice is 8.
 * Of 20,000 chunks 4 find 99.90 % of the nearest 64 instead of 99.95 %, in two thirds of the time
 * (ops/decisions/0039-cold-at-weaviates-speed.md).
 */
const dynamicEfFactor = 4;
const searchWidth = weaviate.reconfigure.vectors.update({
  name: vectorName,
  vectorIndexConfig: weaviate.reconfigure.vectorIndex.hnsw({ dynamicEfFactor }),
});

/** WS3: said, because a server's own choice may be higher. */
const replication = weaviate.configure.replication({ factor: 1 });

const chunks: Omit<CollectionConfigCreate, "name"> = {
  description:
    "Chunks that Freshet has merged; ids are a function of tenant, document, version, chunk",
  multiTenancy,
  replication,
  vectorizers: weaviate.configure.vectors.selfProvided({
    vectorIndexConfig: weaviate.configure.vectorIndex.hnsw({
      // Vectors are of unit norm but for their last bits, which the grid takes (`onGrid`). "cosine"
      // would norm them again, and order them by other numbers than hot does.
      distanceMetric: "dot",
      dynamicEfFactor,
    }),
  }),
  invertedIndex,
  properties: [
    // Text, heading, title, info and range are read of objects that an earlier Freshet stored; now
    // `record` holds them all (weaviate-record.ts).
    { name: "documentId", dataType: "text", ...matched },
    // `number` is a float64: exact up to 2^53, which is where versions end.
    { name: "version", dataType: "number", indexFilterable: false },
    { name: "chunk", dataType: "int", indexFilterable: false },
    { name: "text", dataType: "text", ...shown },
    { name: "heading", dataType: "text", ...shown },
    { name: "title", dataType: "text", ...shown },
    { name: "facets", dataType: "text[]", ...matched },
    { name: "timestamp", ...aTime },
    { name: "info", dataType: "text", ...shown },
    ...addedProperties,
  ],
};

const markersDescription = "One object per tenant: up to where Freshet has merged";

function ownedBy(description: string | undefined, deployment: string | undefined): string {
  return `${description}${deployment === undefined ? "" : `; deployment ${deployment}`}`;
}

/**
 * Creates what is missing; two processes may do so at once, also of two deployments.
 * @throws FreshetError cold_unavailable (WS1, WS3)
 */
export async function ensureCollections(client: WeaviateClient, of?: TenantId): Promise<void> {
  await createChunks(client);
  const { deployment, chunks: name } = collectionsOf(client);
  if (deployment !== undefined && (await ownerOf(client, name)) !== deployment) {
    claimOwn(client, deployment);
    await createChunks(client);
  }
  await refuseCopies(client);
  await upgradeChunks(client);
  if (of === undefined || generationOf(of) === 1) return;
  await createChunks(client, of);
  await refuseOthers(client, of);
  await refuseCopies(client, of);
  await upgradeChunks(client, of);
}

/**
 * WS1, of a later generation: its collection may have outlived the deployment that made it.
 *
 * @throws FreshetError cold_unavailable
 */
async function refuseOthers(client: WeaviateClient, of: TenantId): Promise<void> {
  const { chunks: name, deployment } = collectionsOf(client, of);
  if (deployment === undefined || (await ownerOf(client, name)) === deployment) return;
  throw new FreshetError(
    "cold_unavailable",
    `weaviate's collection ${name} belongs to another deployment: delete it when that one is gone ` +
      "(ops/runbooks/log-identity.md)",
  );
}

/**
 * WS3, of those that are there.
 *
 * @throws FreshetError cold_unavailable
 */
export async function refuseCopies(client: WeaviateClient, of?: TenantId): Promise<void> {
  const { chunks: chunkName, markers: markerName } = collectionsOf(client, of);
  for (const name of [chunkName, markerName]) {
    if (!(await client.collections.exists(name))) continue;
    const { factor } = (await client.collections.use(name).config.get()).replication;
    if (factor <= 1) continue;
    throw new FreshetError(
      "cold_unavailable",
      `weaviate keeps ${factor} copies of ${name}, and Freshet needs one: use a weaviate whose ` +
        "collections have the replication factor 1 (ops/guides/own-servers.md)",
    );
  }
}

/**
 * Brings a collection of an earlier Freshet up to what this one writes and asks; nothing where
 * there is none. Its objects have no terms until a scrub gives them some.
 */
export async function upgradeChunks(client: WeaviateClient, of?: TenantId): Promise<void> {
  const { chunks: name } = collectionsOf(client, of);
  if (!(await client.collections.exists(name))) return;
  const { config } = client.collections.use(name);
  const found = await config.get();
  for (const property of addedProperties) {
    if (found.properties.some((known) => known.name === property.name)) continue;
    try {
      await config.addProperty(property);
    } catch (error) {
      const now = await config.get(); // another process may have been faster
      if (!now.properties.some((known) => known.name === property.name)) throw error;
    }
  }
  const { stopwords, bm25 } = found.invertedIndex;
  const isOurs =
    stopwords.preset === invertedIndex.stopwords.preset &&
    bm25.k1 === bm25Constants.k1 &&
    bm25.b === bm25Constants.b;
  if (!isOurs) await config.update({ invertedIndex });
  const index = found.vectorizers[vectorName]?.indexConfig;
  if (index === undefined || !("dynamicEfFactor" in index)) return;
  if (index.dynamicEfFactor !== dynamicEfFactor)
    await config.update({ vectorizers: [searchWidth] });
}

async function createChunks(client: WeaviateClient, of?: TenantId): Promise<void> {
  const { chunks: name, deployment } = collectionsOf(client, of);
  if (await client.collections.exists(name)) return;
  const description = ownedBy(chunks.description, deployment);
  try {
    await client.collections.create({ ...chunks, name, description });
  } catch (error) {
    if (!(await client.collections.exists(name))) throw error;
  }
}

/** The two collections. Everything explicit: with auto-schema a typo would become a property. */

import type { CollectionConfigCreate, WeaviateClient } from "weaviate-client";
import weaviate from "weaviate-client";

export const chunkCollection = "FreshetChunk";
export const markerCollection = "FreshetMarker";

/** A misspelt tenant must be an error, and a cold tenant must not wake up half-way through a delete. */
const multiTenancy = { enabled: true, autoTenantCreation: false, autoTenantActivation: false };

const shown = { indexFilterable: false, indexSearchable: false } as const;
const searched = { tokenization: "word", indexFilterable: false, indexSearchable: true } as const;
const matched = { tokenization: "field", indexFilterable: true, indexSearchable: false } as const;

const chunkCount = { name: "chunkCount", dataType: "int", indexFilterable: false } as const;

const chunks: CollectionConfigCreate = {
  name: chunkCollection,
  description:
    "Chunks that Freshet has merged; ids are a function of tenant, document, version, chunk",
  multiTenancy,
  vectorizers: weaviate.configure.vectors.selfProvided({
    vectorIndexConfig: weaviate.configure.vectorIndex.hnsw({ distanceMetric: "cosine" }),
  }),
  properties: [
    { name: "documentId", dataType: "text", ...matched },
    // `number` is a float64: exact up to 2^53, which is where versions end.
    { name: "version", dataType: "number", indexFilterable: false },
    { name: "chunk", dataType: "int", indexFilterable: false },
    chunkCount,
    { name: "text", dataType: "text", ...searched },
    { name: "heading", dataType: "text", ...searched },
    { name: "title", dataType: "text", ...searched },
    { name: "facets", dataType: "text[]", ...matched },
    { name: "timestamp", dataType: "number", indexFilterable: true, indexRangeFilters: true },
    { name: "info", dataType: "text", ...shown },
  ],
};

const markers: CollectionConfigCreate = {
  name: markerCollection,
  description: "One object per tenant: up to where Freshet has merged",
  multiTenancy,
  properties: [
    { name: "to", dataType: "number", indexFilterable: false },
    { name: "version", dataType: "number", indexFilterable: false },
  ],
};

/** Creates what is missing; two processes may do so at once. */
export async function ensureCollections(client: WeaviateClient): Promise<void> {
  await createCollections(client);
  await addMissingProperty(client);
}

/** A collection of an earlier Freshet has no chunk counts: without the property every write would be refused. */
async function addMissingProperty(client: WeaviateClient): Promise<void> {
  const { config } = client.collections.use(chunkCollection);
  const has = async (): Promise<boolean> =>
    (await config.get()).properties.some(({ name }) => name === chunkCount.name);
  if (await has()) return;
  try {
    await config.addProperty(chunkCount);
  } catch (error) {
    if (!(await has())) throw error;
  }
}

async function createCollections(client: WeaviateClient): Promise<void> {
  for (const config of [chunks, markers]) {
    if (await client.collections.exists(config.name)) continue;
    try {
      await client.collections.create(config);
    } catch (error) {
      if (!(await client.collections.exists(config.name))) throw error;
    }
  }
}

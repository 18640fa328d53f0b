/** WS1 and WS3, with a schema as the vendor's client tells it: a single server makes no second copy. */

import { expect, it } from "vitest";
import type { CollectionConfigCreate, WeaviateClient } from "weaviate-client";
import {
  claimCollections,
  ensureCollections,
  refuseCopies,
} from "../../src/cold/weaviate-schema.ts";
import { generationName, type TenantId } from "../../src/contract/ids.ts";

/** Collections by their name, each with its number of copies; remembers what is created. */
function schemaOf(copies: Map<string, number>, descriptions = new Map<string, string>()) {
  const created: CollectionConfigCreate[] = [];
  const collections = {
    exists: async (name: string) => copies.has(name),
    use: (name: string) => ({
      config: {
        get: async () => ({
          replication: { factor: copies.get(name) },
          description: descriptions.get(name),
          ...{ properties: [], vectorizers: {} },
          invertedIndex: { stopwords: { preset: "none" }, bm25: { k1: 0, b: 0 } },
        }),
        addProperty: async () => {},
        update: async () => {},
      },
    }),
    create: async (config: CollectionConfigCreate) => {
      created.push(config);
      copies.set(config.name, config.replication?.factor ?? 3);
      descriptions.set(config.name, config.description ?? "");
    },
  };
  return { client: { collections } as unknown as WeaviateClient, created };
}

it.each(["FreshetChunk", "FreshetMarker"])(
  "refuses a %s of several copies before it is asked and before it is written to, and says why (WS3)",
  async (name) => {
    const { client } = schemaOf(new Map([[name, 3]]));
    const refusal = {
      code: "cold_unavailable",
      message: expect.stringMatching(`keeps 3 copies of ${name}, .* replication factor 1`),
    };
    await expect(refuseCopies(client)).rejects.toMatchObject(refusal);
    await expect(ensureCollections(client)).rejects.toMatchObject(refusal);
  },
);

it("makes collections of one copy, whatever the server's own choice is (WS3)", async () => {
  const { client, created } = schemaOf(new Map());
  await refuseCopies(client);
  await ensureCollections(client);
  expect(created.map(({ name, replication }) => [name, replication?.factor])).toEqual([
    ["FreshetChunk", 1],
  ]);
});

it("uses no collection of a generation that another deployment has left (WS1)", async () => {
  const [ours, theirs] = ["0123456789abcdef", "fedcba9876543210"];
  const second = generationName("acme" as TenantId, 2);
  const fresh = schemaOf(new Map());
  await claimCollections(fresh.client, ours);
  await ensureCollections(fresh.client, second);
  expect(fresh.created.map(({ name }) => name)).toEqual(["FreshetChunk", "FreshetChunk_G2"]);
  const left = schemaOf(
    new Map([["FreshetChunk_G2", 1]]),
    new Map([["FreshetChunk_G2", `chunks; deployment ${theirs}`]]),
  );
  await claimCollections(left.client, ours);
  await expect(ensureCollections(left.client, second)).rejects.toMatchObject({
    code: "cold_unavailable",
    message: expect.stringContaining("FreshetChunk_G2 belongs to another deployment"),
  });
  await ensureCollections(left.client);
});

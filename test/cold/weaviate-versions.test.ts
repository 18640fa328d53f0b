/** What is asked of a generation whose first object is its marker, with the vendor's client faked. */

import { expect, it } from "vitest";
import type { WeaviateClient } from "weaviate-client";
import { markerId } from "../../src/cold/object-id.ts";
import type { Connection } from "../../src/cold/weaviate-connection.ts";
import { versionsOf } from "../../src/cold/weaviate-versions.ts";
import { generationName } from "../../src/contract/ids.ts";
import { coldObject, freshTenant } from "./objects.ts";

interface Stored {
  readonly uuid: string;
  readonly vectors: Readonly<Record<string, number[]>>;
}

/** Objects in the server's order; remembers what it was asked with. */
function connectionTo(objects: readonly Stored[]) {
  const asked: number[][] = [];
  const shown = objects.map((object) => ({ ...object, properties: { version: 7 } }));
  const query = {
    fetchObjects: async ({ limit }: { readonly limit: number }) => ({
      objects: shown.slice(0, limit),
    }),
    nearVector: async (vector: number[]) => {
      asked.push(vector);
      return { objects: shown.filter(({ vectors }) => vectors["default"] !== undefined) };
    },
  };
  const filter = { byId: () => ({ containsAny: () => {}, equal: () => {} }) };
  const shard = { query, filter, data: { deleteMany: async () => {} } };
  const collections = { use: () => ({ withTenant: () => shard }) };
  const client = { collections } as unknown as WeaviateClient;
  const run = async (work: (client: WeaviateClient) => Promise<unknown>) => work(client);
  return { asked, connection: { run } as unknown as Connection };
}

const name = generationName(freshTenant("versions"), 2);
const { id } = coldObject(name, { id: "a" });
const marker = { uuid: markerId(name), vectors: {} };
const chunk = { uuid: id, vectors: { default: [0, 0, 0, 1] } };

it.each([
  ["the marker comes first", [marker, chunk]],
  ["the marker comes last", [chunk, marker]],
])("knows the width of a generation's vectors when %s (WM2)", async (_, objects) => {
  const { asked, connection } = connectionTo(objects);
  expect(await versionsOf({ connection, dimensions: 384 }, name, [id])).toEqual([[id, 7]]);
  expect(asked).toEqual([[1, 0, 0, 0]]);
});

it("finds nothing in a generation that has its marker alone", async () => {
  const { asked, connection } = connectionTo([marker]);
  expect(await versionsOf({ connection, dimensions: 384 }, name, [id])).toEqual([]);
  expect(asked).toEqual([]);
});

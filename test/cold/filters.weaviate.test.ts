/** Generated filters over generated documents: real Weaviate finds what the rules say. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { createMemoryCold } from "../../src/cold/memory.ts";
import type { ColdObject, ColdShard } from "../../src/cold/port.ts";
import { connectWeaviate } from "../../src/cold/weaviate.ts";
import { normalFilter } from "../../src/contract/filter.ts";
import type { FilterInput } from "../../src/contract/filter-schema.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { documents, filterInputs, passesInput } from "../support/filters.ts";
import { coldObject, dimensions, direction, freshTenant } from "./objects.ts";
import { weaviateAddress } from "./weaviate-address.ts";

const documentCount = 80;
const filterCount = 400;
const seed = 20_261_129;

test("any filter finds in Weaviate what it finds in memory, and what the rules say", async () => {
  const weaviate = connectWeaviate({
    ...weaviateAddress(),
    dimensions,
    clock: systemClock,
    logger: silentLogger,
  });
  const shards: readonly ColdShard[] = [weaviate, createMemoryCold()];
  const tenant = freshTenant("generated");
  const held = fc.sample(documents, { numRuns: documentCount, seed });
  const objects = held.map(({ id, ...info }, chunk) =>
    coldObject(tenant, { id, chunk, text: `text ${chunk}`, info: info as ColdObject["info"] }),
  );
  for (const shard of shards) {
    await shard.ensureTenant(tenant);
    await shard.upsert(tenant, objects);
  }
  const inputs = fc.sample(filterInputs, { numRuns: filterCount, seed });
  const found = async (shard: ColdShard, input: FilterInput): Promise<readonly number[]> => {
    const filter = normalFilter(input);
    const query = { tenant, vector: direction(0), text: "text", limit: documentCount, filter };
    const { hits } = await shard.search(query);
    return hits.map(({ chunk }) => chunk).toSorted((left, right) => left - right);
  };
  let matched = 0;
  for (const input of inputs) {
    const wanted = [...held.keys()].filter((chunk) =>
      passesInput(held[chunk] ?? { id: "" }, input),
    );
    for (const shard of shards) {
      expect(await found(shard, input), JSON.stringify(input)).toEqual(wanted);
    }
    if (wanted.length > 0 && wanted.length < documentCount) matched += 1;
  }
  expect(matched).toBeGreaterThan(filterCount / 3);
  await weaviate.close();
}, 120_000);

test("a range that hides more chunks than are looked at is said to be cut, one that hides fewer is not", async () => {
  const weaviate = connectWeaviate({
    ...{ ...weaviateAddress(), dimensions, clock: systemClock, logger: silentLogger },
  });
  const tenant = freshTenant("hidden");
  await weaviate.ensureTenant(tenant);
  const hidden = limits.coldOverFetchMax + 200;
  const objects = Array.from({ length: hidden + 1 }, (_, index) =>
    coldObject(tenant, {
      id: `doc-${index}`,
      angle: index === hidden ? Math.PI : index / hidden,
      info: { metadata: { floor: index === hidden ? 9 : 1 } },
    }),
  );
  for (let at = 0; at < objects.length; at += limits.mergePageObjects) {
    await weaviate.upsert(tenant, objects.slice(at, at + limits.mergePageObjects));
  }
  const search = async (input: FilterInput) => {
    // Words that no object has: both lists would find it otherwise.
    const query = { tenant, vector: direction(0), text: "zzz", limit: 5 };
    const { hits, isCut } = await weaviate.search({ ...query, filter: normalFilter(input) });
    return { found: hits.length, isCut };
  };
  expect(await search({ "metadata.floor": { gte: 5 } })).toEqual({ found: 0, isCut: true });
  expect(await search({ "metadata.floor": { lte: 5 } })).toEqual({ found: 5, isCut: false });
  expect(await search({ "metadata.floor": 9 })).toEqual({ found: 1, isCut: false });
  await weaviate.close();
}, 120_000);

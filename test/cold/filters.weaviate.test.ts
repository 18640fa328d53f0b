/** Generated filters over generated documents: real Weaviate finds what the rules say. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { createMemoryCold } from "../../src/cold/memory.ts";
import type { ColdObject, ColdShard } from "../../src/cold/port.ts";
import { connectWeaviate } from "../../src/cold/weaviate.ts";
import { normalFilter } from "../../src/contract/filter.ts";
import type { FilterInput } from "../../src/contract/filter-schema.ts";
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
    const hits = await shard.search(query);
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

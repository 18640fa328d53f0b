/**
 * What every cold shard promises, over three Weaviates. What they do in trouble is in
 * cluster.weaviate.test.ts, which needs more of the machine.
 */
import { afterAll, beforeAll, expect } from "vitest";
import { connectWeaviate } from "../../src/cold/weaviate.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { startWeaviateCluster, type WeaviateCluster } from "../support/weaviate-cluster.ts";
import { describeColdShard } from "./conformance.ts";
import { dimensions, direction, freshTenant } from "./objects.ts";

let cluster: WeaviateCluster;

beforeAll(async () => {
  cluster = await startWeaviateCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

describeColdShard("three Weaviates", async () => {
  const { address } = cluster;
  const cold = connectWeaviate({ ...address, dimensions, clock: systemClock, logger: silentLogger });
  // Nobody has made a collection yet, which is no outage either.
  const nobody = { tenant: freshTenant("nobody"), vector: direction(0), text: "text", limit: 10 };
  expect(await cold.search(nobody)).toMatchObject({ hits: [] });
  return cold;
});

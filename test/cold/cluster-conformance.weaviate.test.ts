/**
 * What every cold shard promises, over three Weaviates. What they do in trouble is in
 * cluster.weaviate.test.ts, which needs more of the machine.
 */
import { afterAll, beforeAll } from "vitest";
import { connectWeaviate } from "../../src/cold/weaviate.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { startWeaviateCluster, type WeaviateCluster } from "../support/weaviate-cluster.ts";
import { describeColdShard } from "./conformance.ts";
import { dimensions } from "./objects.ts";

let cluster: WeaviateCluster;

beforeAll(async () => {
  cluster = await startWeaviateCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

describeColdShard("three Weaviates", async () =>
  connectWeaviate({ ...cluster.address, dimensions, clock: systemClock, logger: silentLogger }),
);

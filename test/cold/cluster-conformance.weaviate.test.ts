/**
 * What every cold shard promises, over three Weaviates. What they do in trouble is in
 * cluster.weaviate.test.ts, which needs more of the machine.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectWeaviate } from "../../src/cold/weaviate.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { eventually } from "../support/promises.ts";
import { startWeaviateCluster, type WeaviateCluster } from "../support/weaviate-cluster.ts";
import { describeColdShard } from "./conformance.ts";
import { coldObject, dimensions, direction, freshTenant } from "./objects.ts";

let cluster: WeaviateCluster;

beforeAll(async () => {
  cluster = await startWeaviateCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

function open(deployment?: string) {
  const { address } = cluster;
  const options = { ...address, dimensions, clock: systemClock, logger: silentLogger };
  return connectWeaviate({ ...options, deployment });
}

test("who connected before anybody had a collection finds its tenants, whoever takes the common names (WS1)", async () => {
  const [ours, theirs] = ["0123456789abcdef", "fedcba9876543210"];
  const [reader, eraser, writer] = [open(ours), open(ours), open(ours)];
  const other = open(theirs);
  const tenant = freshTenant("early");
  const found = async () => {
    const query = { tenant, vector: direction(0), text: "text", limit: 10 };
    return (await reader.search(query)).hits.map(({ documentId }) => documentId);
  };
  try {
    // Nobody has made a collection yet, which is no outage either.
    expect(await found()).toEqual([]);
    expect(await eraser.hasTenant(tenant)).toBe(false);
    await other.ensureTenant(tenant);
    await writer.upsert(tenant, [coldObject(tenant, { id: "a" })]);
    // A node of a cluster may learn of a collection a moment later.
    await eventually(async () => expect(await found()).toEqual(["a"]));
    await eraser.eraseTenant(tenant);
    expect([await writer.hasTenant(tenant), await other.hasTenant(tenant)]).toEqual([false, true]);
  } finally {
    await Promise.all([reader, eraser, writer, other].map((cold) => cold.close()));
  }
});

describeColdShard("three Weaviates", async () => open());

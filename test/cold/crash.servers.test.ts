import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { plainEnvironment } from "../../ops/servers/context.ts";
import type { RunningServer } from "../../ops/servers/supervise.ts";
import { startWeaviate, type WeaviateAddress } from "../../ops/servers/weaviate.ts";
import { ensureTools } from "../../ops/setup/ensure-tools.ts";
import { silentProgress } from "../../ops/setup/progress.ts";
import type { ColdObject, ColdShard } from "../../src/cold/port.ts";
import { connectWeaviate } from "../../src/cold/weaviate.ts";
import { openClient } from "../../src/cold/weaviate-client.ts";
import { chunksOf } from "../../src/cold/weaviate-search.ts";
import { normalFilter } from "../../src/contract/filter.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { vendorObject } from "../support/vendor-object.ts";
import { coldObject, dimensions } from "./objects.ts";

/** A Weaviate of its own, to be killed. */
const dataDir = mkdtempSync(join(tmpdir(), "freshet-weaviate-"));
const ports: Record<string, number> = {};
const losesMax = 5;
const info = { metadata: { kept: true } };
const filter = normalFilter({ "metadata.kept": true });
let server: RunningServer;
let address: WeaviateAddress;
let cold: ColdShard;

async function start(): Promise<void> {
  const want = { nats: false, temporal: false, weaviate: true, embedding: false, llm: false };
  const tools = await ensureTools({ env: process.env, progress: silentProgress, want });
  const env = { ...plainEnvironment(process.env), FRESHET_WEAVIATE_API_KEY: "crash" };
  ({ server, address } = await startWeaviate({ dataDir, env, ports }, tools.weaviate ?? ""));
  const shared = { clock: systemClock, logger: silentLogger };
  cold = connectWeaviate({ ...address, ...shared, dimensions });
}

async function crash(): Promise<void> {
  await cold.close();
  await server.kill();
  await start();
}

beforeAll(start);

afterAll(async () => {
  await cold.close();
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

function objectsOf(tenant: TenantId): readonly ColdObject[] {
  return Array.from({ length: 60 }, (_, index) =>
    coldObject(tenant, { id: `doc-${index}`, angle: index / 10, info }),
  );
}

/**
 * Words that no object has: only the vector index can find it. With a filter the index is searched
 * exhaustively; without one, a walk through a graph of objects that were indexed anew may miss one.
 */
async function searchByVector(tenant: TenantId, [object]: readonly ColdObject[]) {
  const vector = object?.vector ?? new Float32Array();
  return (await cold.search({ tenant, vector, text: "zzz", limit: 1_000, filter })).hits;
}

it("what an upsert wrote is still found by a search after kill -9 of Weaviate (I1, I5)", async () => {
  const tenant = "crash-kept" as TenantId;
  const objects = objectsOf(tenant);
  await cold.ensureTenant(tenant);
  await cold.upsert(tenant, objects);
  await crash();
  expect(await searchByVector(tenant, objects)).toHaveLength(objects.length);
});

it("a read-back misses what Weaviate stored and cannot find after kill -9; rewritten in place it is found (I5)", async () => {
  const { tenant, objects, ids, found } = await lose(1);
  // They are stored, so writing them again is skipped by Weaviate.
  await cold.upsert(tenant, objects);
  expect((await cold.versions(tenant, ids)).size).toBe(found.size);
  const missed = objects.filter(({ id }) => !found.has(id));
  // The second time it meets the vector of the first, which it must not write again as it is.
  for (let time = 1; time <= 2; time += 1) {
    await cold.rewrite(tenant, missed);
    expect((await cold.versions(tenant, ids)).size).toBe(objects.length);
    await crash();
    expect((await cold.versions(tenant, ids)).size).toBe(objects.length);
  }
  expect(await searchByVector(tenant, objects)).toHaveLength(objects.length);
});

/** A tenant that lost objects. On a busy machine Weaviate may have flushed them in time: once more. */
async function lose(attempt: number) {
  const tenant = `crash-lost-${attempt}` as TenantId;
  const objects = objectsOf(tenant);
  const ids = objects.map(({ id }) => id);
  await cold.ensureTenant(tenant);
  await insertAsAnybody(tenant, objects);
  await crash();
  const found = await cold.versions(tenant, ids);
  if (found.size < objects.length) return { tenant, objects, ids, found };
  if (attempt === losesMax) throw new Error("Weaviate lost nothing; is it still as it was?");
  return lose(attempt + 1);
}

/** A merge that died between the vendor's reply and ours. */
async function insertAsAnybody(tenant: TenantId, objects: readonly ColdObject[]): Promise<void> {
  const client = await openClient(address);
  try {
    const reply = await chunksOf(client, tenant).data.insertMany(objects.map(vendorObject));
    expect(reply.hasErrors).toBe(false);
  } finally {
    await client.close();
  }
}

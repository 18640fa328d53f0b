import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { WeaviateClient } from "weaviate-client";
import { ensureTools } from "../../ops/setup/ensure-tools.ts";
import { silentProgress } from "../../ops/setup/progress.ts";
import { openClient } from "../../src/cold/weaviate-client.ts";
import { chunksOf } from "../../src/cold/weaviate-search.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { connectNatsLog, type NatsLog } from "../../src/log/nats/log.ts";
import type { MergeClient } from "../../src/merges/port.ts";
import { connectTemporal } from "../../src/merges/temporal/client.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { forEachAtMost } from "../../src/runtime/for-each.ts";
import { eventually } from "../support/promises.ts";
import { failPointsOf } from "./fail-points.ts";
import { ChaosSite } from "./site.ts";

/** One engine and one merge worker with servers of their own; the worker is killed at every point that it passes. */
const directory = mkdtempSync(join(tmpdir(), "freshet-merge-steps-"));
let site: ChaosSite;
let log: NatsLog;
let merges: MergeClient;
let vendor: WeaviateClient;
/** In the order of opening; also when the site did not come up whole, what did has to end. */
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const want = { nats: true, temporal: true, weaviate: true, embedding: true, llm: false };
  const tools = await ensureTools({ env: process.env, progress: silentProgress, want });
  const size = { nodes: 1, workers: 1, natsServers: 1 } as const;
  // The only merges are those of this file: what is prepared ahead must not be merged by its age.
  const env = { FRESHET_MERGE_AGE_MS: String(3_600_000) };
  site = new ChaosSite({ directory, tools, ...size, env, onNodeEnd: () => {} });
  closing.push(() => site.stop());
  await site.start();
  const shared = { clock: systemClock, logger: silentLogger };
  log = await connectNatsLog({ ...shared, servers: site.natsUrl, partitions: 8, name: "steps" });
  closing.push(() => log.close());
  const namespace = "default";
  merges = connectTemporal({
    ...shared,
    address: site.temporalAddress,
    namespace,
    graceMs: 200,
    settleMs: 200,
    confirmMs: 200,
  });
  closing.push(() => merges.close());
  vendor = await openClient(site.weaviate);
  closing.push(() => vendor.close());
});

afterAll(async () => {
  for (const close of closing.reverse()) await close();
  rmSync(directory, { recursive: true, force: true });
});

const encoder = new TextEncoder();
const long = "The anchor of the harbour lies beside the barrel in the yard. ".repeat(60);

/** Documents that are new, replaced, shrunk and deleted by the second merge, and an invalid one for the dead letters. */
const firstMerge = [
  ...Array.from({ length: 12 }, (_, index) => ({
    id: `doc-${index}`,
    text: `first text ${index}`,
  })),
  { id: "shrinks", text: long },
  { id: "goes", text: long },
];
const secondMerge = [
  ...Array.from({ length: 6 }, (_, index) => ({
    id: `doc-${index}`,
    text: `second text ${index}`,
  })),
  { id: "shrinks", text: "short now" },
  { id: "goes", op: "delete" },
  { id: "broken", text: 7 },
  { id: "new", text: long },
];

/** Versions of what was published, in order: they name an operation the same way in every tenant. */
async function publishAll(tenant: TenantId, bodies: readonly object[]): Promise<readonly number[]> {
  const versions: number[] = [];
  for (const body of bodies) {
    const payload = encoder.encode(JSON.stringify(body));
    versions.push((await log.docs.publish({ tenant, payload })).seq);
  }
  await eventually(async () => {
    expect((await log.chunks.last(tenant))?.version).toBe(versions.at(-1));
  });
  return versions;
}

/** Publishes, merges, and publishes what the second merge is about. Versions in the order of the operations. */
async function prepare(tenant: TenantId): Promise<readonly number[]> {
  const first = await publishAll(tenant, firstMerge);
  expect(await merges.force(tenant)).toMatchObject({ kind: "merged" });
  return [...first, ...(await publishAll(tenant, secondMerge))];
}

/** What cold holds, by operation, once the tenant is merged and cleaned. */
async function coldAtLast(
  tenant: TenantId,
  versions: readonly number[],
): Promise<readonly string[]> {
  await eventually(async () => {
    const outcome = await merges.force(tenant);
    expect(["merged", "nothing"]).toContain(outcome.kind);
  });
  const to = (await log.chunks.last(tenant))?.position;
  expect((await log.manifests.get(tenant))?.manifest.to).toBe(to);
  let held: readonly string[] = [];
  await eventually(async () => {
    held = await objectsIn(tenant, versions);
    // The clean-up follows the commit; until it is done objects of the first merge are left.
    expect(held.filter((name) => name.startsWith("goes"))).toEqual([]);
    expect(held.filter((name) => name.startsWith("shrinks"))).toHaveLength(1);
    for (const { id } of firstMerge.slice(0, 12))
      expect(held.filter((name) => name.startsWith(`${id} `))).toHaveLength(1);
  });
  return held;
}

async function objectsIn(
  tenant: TenantId,
  versions: readonly number[],
): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { properties } of chunksOf(vendor, tenant).iterator()) {
    const { documentId, version, chunk } = properties;
    names.push(`${documentId} of operation ${versions.indexOf(version)}, chunk ${chunk}`);
  }
  return names.sort();
}

describe("a merge worker that is killed at a step, and started again", () => {
  // Only a cold shard that lost something is rewritten, so no merge here would ever reach these two.
  const passed = failPointsOf("merge-worker").filter((point) => !point.endsWith("cold.rewrite"));
  const steps = passed.map((point, index) => ({ point, tenant: `killed-${index}` as TenantId }));
  const versions = new Map<TenantId, readonly number[]>();
  let undisturbed: readonly string[];

  beforeAll(async () => {
    const tenant = "undisturbed" as TenantId;
    undisturbed = await coldAtLast(tenant, await prepare(tenant));
    expect(undisturbed.length).toBeGreaterThan(15);
    const worker = site.node("merge-worker");
    // A few side by side: one after the other, each would wait for its own embedding and its own
    // merge; all at once, each would wait for the embedding of all.
    await forEachAtMost(steps, 3, async ({ tenant: of }) => {
      versions.set(of, await prepare(of));
    });
    for (const { point, tenant: killed } of steps) {
      const reached = worker?.arm({ point, calls: 1, action: "kill" });
      // Half of what a worker computes at its start is the loading of code.
      worker?.spawnSuccessor();
      await merges.due(killed, "operator");
      // Its own merge, or one that an earlier step interrupted: each point is passed by some merge's kill.
      await reached;
      await worker?.kill();
      await worker?.start();
    }
    // Merges of two halves each and eighteen starts of a worker: two minutes beside other work.
  }, 600_000);

  // At once: an interrupted merge begins again when its worker has been silent for half a minute.
  it.concurrent.each(steps)(
    "$point leaves the same objects in the same versions as an undisturbed run (I1, I3, I4)",
    async ({ tenant }) => {
      expect(await coldAtLast(tenant, versions.get(tenant) ?? [])).toEqual(undisturbed);
    },
  );
});

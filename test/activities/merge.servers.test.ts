/**
 * The same merges over the real log and the real cold shard: what the memory ports may have
 * flattered.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MergePorts } from "../../activities/context.ts";
import { createMergeActivities } from "../../activities/steps.ts";
import { objectId } from "../../src/cold/object-id.ts";
import type { ColdShard } from "../../src/cold/port.ts";
import { connectWeaviate } from "../../src/cold/weaviate.ts";
import type { DocumentId, TenantId, Version } from "../../src/contract/ids.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { connectNatsLog } from "../../src/log/nats/log.ts";
import type { Log } from "../../src/log/port.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { TenantScrub } from "../../workflows/tenant-scrub.ts";
import { serversOfFile } from "../support/side-by-side.ts";
import { runMerge } from "./run-merge.ts";
import { RecordWriter, writeSequel, writeStory } from "./world.ts";

let log: Log;
let cold: ColdShard;
let ports: MergePorts;
const tenant = `merge-${process.pid.toString(36)}-${Date.now().toString(36)}` as TenantId;

beforeAll(async () => {
  const { nats, weaviate } = serversOfFile();
  const shared = { clock: systemClock, logger: silentLogger };
  log = await connectNatsLog({ ...shared, servers: nats.url, partitions: 8, name: "merge-test" });
  cold = connectWeaviate({ ...shared, ...weaviate, dimensions: 8 });
  const place = { heartbeat: () => {}, signal: () => undefined };
  ports = { ...shared, ...place, log, cold, metrics: silentMetrics };
});

afterAll(async () => {
  await log.close();
  await cold.close();
});

/** Of all objects that the two stories ever make, those that are there: `id@version#chunk`. */
async function present(): Promise<readonly string[]> {
  const made = [
    ...["alpha@1#0", "alpha@1#1", "alpha@1#2", "beta@2#0", "beta@2#1", "gamma@3#0", "gamma@3#1"],
    ...["beta@5#0", "epsilon@8#0", "alpha@9#0", "gamma@11#0", "gamma@11#1"],
  ];
  const ids = made.map((name) => {
    const [documentId = "", version, chunk] = name.split(/[@#]/);
    return objectId({
      tenant,
      documentId: documentId as DocumentId,
      version: Number(version) as Version,
      chunk: Number(chunk),
    });
  });
  const found = await cold.versions(tenant, ids);
  return made.filter((_, index) => found.has(ids[index] ?? ""));
}

describe("merges over NATS and Weaviate", () => {
  it("make cold equal to the log, merge by merge, and each merge again changes nothing", async () => {
    const writer = new RecordWriter(log, tenant);
    await writeStory(writer);
    expect(await runMerge(ports, tenant)).toMatchObject({ kind: "merged", documents: 3 });
    expect(await present()).toEqual([
      ...["alpha@1#0", "alpha@1#1", "alpha@1#2", "beta@5#0", "epsilon@8#0"],
    ]);
    await writeSequel(writer);
    const second = await runMerge(ports, tenant);
    if (second.kind !== "merged") throw new Error("nothing was merged");
    const after = ["beta@5#0", "alpha@9#0", "gamma@11#0", "gamma@11#1"];
    expect(await present()).toEqual(after);
    const { from, to } = second.plan;
    const activities = createMergeActivities(ports);
    await activities.writeRange({ tenant, from, to, after: from });
    expect(await activities.verifyRange({ tenant, from, to })).toMatchObject({ missing: 0 });
    expect(await activities.commitMerge({ ...second.plan, workflowId: "merge/x" })).toEqual({
      kind: "already",
    });
    expect(await present()).toEqual(after);
    expect(await activities.planMerge({ tenant })).toEqual({ kind: "nothing" });
    expect(await cold.readMarker(tenant)).toEqual({ to: writer.last, version: 12 });
    expect(await log.deadLetters.list(tenant, 10)).toHaveLength(3);
  });

  it("are put right by a scrub: a lost object is written again, a resurrected one goes (I4, I12)", async () => {
    const before = await present();
    const idOf = (id: string, version: number) => {
      const key = { documentId: id as DocumentId, version: version as Version, chunk: 0 };
      return { ...key, id: objectId({ tenant, ...key }) };
    };
    const vector = new Float32Array([1, 0, 0, 0, 0, 0, 0, 0]);
    const old = { ...idOf("alpha", 1), chunkCount: 3, text: "old", info: {}, vector };
    await cold.upsert(tenant, [old]);
    await cold.deleteIds(tenant, [idOf("beta", 5).id]);
    const scrubs = new TenantScrub(undefined);
    const asked = scrubs.force();
    const options = { tenant, settleMs: 0, nowMs: () => systemClock.nowMs() };
    while (scrubs.hasPendingWork()) await scrubs.step(createMergeActivities(ports), options);
    expect(await asked).toMatchObject({
      ...{ kind: "scrubbed", walked: 5, live: 4, deleted: 1, checked: 4, repaired: 1 },
      ...{ lost: 0, marker: "kept" },
    });
    expect(await present()).toEqual(before);
  });
});

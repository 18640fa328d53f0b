import { afterEach, describe, expect, it, vi } from "vitest";
import { createMergeActivities } from "../../activities/steps.ts";
import { createSweepActivities } from "../../activities/sweep.ts";
import type { DocumentId, Position, TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { PlannedMerge } from "../../src/contract/merge.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import { readHeads } from "../../src/heads/read-heads.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { runMerge, runRound, workflowId } from "./run-merge.ts";
import {
  acme,
  coldState,
  createWorld,
  RecordWriter,
  sequel,
  storyWorld,
  type World,
  writeSequel,
} from "./world.ts";

const story = [
  "alpha@1#0 secret text 0 of alpha in version 1",
  "alpha@1#1 secret text 1 of alpha in version 1",
  "alpha@1#2 secret text 2 of alpha in version 1",
  "beta@5#0 secret text 0 of beta in version 5",
  "epsilon@8#0 secret text 0 of epsilon in version 8",
];

async function planOf(world: World): Promise<PlannedMerge> {
  const plan = await createMergeActivities(world.ports).planMerge({ tenant: acme });
  if (plan.kind !== "merge") throw new Error("nothing was planned");
  return plan;
}

/** Versions by document id, as the committed heads have them. */
async function headsOf({ log }: World, ids: readonly string[]) {
  const stored = await log.manifests.get(acme);
  const heads = await readHeads(log.manifests, acme, stored?.manifest.pieces ?? []);
  return Object.fromEntries(
    ids.map((id) => [id, heads.get(fingerprintOf(acme, id as DocumentId))] as const),
  );
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a merge", () => {
  it("makes cold hold the newest version of each live document and nothing else (I3, I4)", async () => {
    const world = await storyWorld();
    await runMerge(world.ports);
    expect(coldState(world.cold)).toEqual(story);
    await writeSequel(world.writer);
    await runMerge(world.ports);
    expect(coldState(world.cold)).toEqual(sequel);
  });

  it("commits watermark, heads and marker of the same position", async () => {
    const world = await storyWorld();
    await runMerge(world.ports);
    const stored = await world.log.manifests.get(acme);
    expect(stored?.manifest).toMatchObject({ to: world.writer.last, version: 8, documents: 3 });
    expect(await world.cold.readMarker(acme)).toEqual({ to: world.writer.last, version: 8 });
    expect(await headsOf(world, ["alpha", "beta", "gamma", "delta", "epsilon"])).toEqual({
      alpha: 1,
      beta: 5,
      gamma: undefined,
      delta: undefined,
      epsilon: 8,
    });
  });

  it("does what its preview said", async () => {
    const world = await storyWorld();
    const preview = await planOf(world);
    expect(preview).toMatchObject({
      purpose: "advance",
      from: 0,
      to: world.writer.last,
      ...{ records: 9, upserts: 3, superseded: 2, deletes: 1, rejects: 2, chunks: 5 },
    });
    expect(coldState(world.cold)).toEqual([]);
    const result = await runMerge(world.ports);
    expect(result).toEqual({
      kind: "merged",
      // What has expired is decided by the time of each plan; nothing here expires.
      plan: { ...preview, expiredAtMs: expect.any(Number) },
      written: 5,
      documents: 3,
      unconfirmed: true,
    });
    expect(await createMergeActivities(world.ports).planMerge({ tenant: acme })).toEqual({
      kind: "nothing",
    });
  });

  it("merges up to a given position only, and the rest next time", async () => {
    const world = await storyWorld();
    const activities = createMergeActivities(world.ports);
    const first = (await planOf(world)).from;
    const upTo = (world.writer.last - 3) as Position;
    const plan = await activities.planMerge({ tenant: acme, upTo });
    expect(plan).toMatchObject({ kind: "merge", from: first, to: upTo, more: false });
    expect(await activities.planMerge({ tenant: acme, upTo: 0 as Position })).toEqual({
      kind: "nothing",
    });
  });

  it("keeps to its bounds and says that there is more", async () => {
    const world = createWorld();
    const documents = Math.ceil(limits.mergeChunksMax / 4_000) + 2;
    for (let index = 0; index < documents; index += 1)
      await world.writer.upsert(`d${index}`, 4_000);
    const plan = await planOf(world);
    expect(plan.more).toBe(true);
    expect(plan.chunks).toBeLessThanOrEqual(limits.mergeChunksMax);
    expect(plan.chunks).toBeGreaterThan(limits.mergeChunksMax - 4_000);
  });

  it("writes in windows and continues where the last one ended", async () => {
    const world = createWorld();
    for (let index = 0; index < 5; index += 1) await world.writer.upsert(`d${index}`, 3_000);
    const { from, to } = await planOf(world);
    const activities = createMergeActivities(world.ports);
    const first = await activities.writeRange({ tenant: acme, from, to, after: from });
    expect(first.written).toBe(9_000);
    expect(first.through).toBeLessThan(to);
    const after = first.through;
    expect(await activities.writeRange({ tenant: acme, from, to, after })).toEqual({
      written: 6_000,
      through: to,
    });
    expect(world.cold.objects(acme)).toHaveLength(15_000);
  });

  it("reports its progress with each page", async () => {
    const world = createWorld();
    await world.writer.upsert("big", 600);
    const beats: unknown[] = [];
    const ports = { ...world.ports, heartbeat: (beat: unknown) => beats.push(beat) };
    await runRound(ports);
    expect(beats).toContainEqual({ done: 600, total: 600 });
    expect(beats.length).toBeGreaterThanOrEqual(3);
  });

  it("writes again what is missing when it is read back", async () => {
    const world = await storyWorld();
    const upsert = world.cold.upsert.bind(world.cold);
    vi.spyOn(world.cold, "upsert").mockImplementationOnce(async (tenant, objects) => {
      await upsert(tenant, objects.slice(2));
    });
    const result = await runRound(world.ports);
    expect(result.kind).toBe("merged");
    expect(coldState(world.cold)).toEqual(story);
  });

  it("fails, and commits nothing, when cold keeps losing what was written", async () => {
    const world = await storyWorld();
    vi.spyOn(world.cold, "upsert").mockResolvedValue();
    vi.spyOn(world.cold, "rewrite").mockResolvedValue();
    expect(await runRound(world.ports)).toMatchObject({
      kind: "failed",
      error: { code: "cold_unavailable" },
    });
    expect(await world.log.manifests.get(acme)).toBeNull();
    expect(await world.cold.readMarker(acme)).toBeNull();
  });

  it("leaves no write behind when a page fails", async () => {
    const world = createWorld();
    await world.writer.upsert("big", 2_000);
    world.cold.breakUpserts(1);
    await expect(runRound(world.ports)).rejects.toMatchObject({ code: "cold_unavailable" });
    const there = world.cold.objects(acme).length;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(world.cold.objects(acme)).toHaveLength(there);
  });

  it("refuses a range whose chain is broken", async () => {
    const world = await storyWorld();
    const plan = await planOf(world);
    await world.log.chunks.purge({ tenant: acme, below: plan.to });
    await expect(runRound(world.ports)).rejects.toMatchObject({ code: "broken_chain" });
    const { from, to } = plan;
    const write = { tenant: acme, from, to, after: from };
    const activities = createMergeActivities(world.ports);
    await expect(activities.writeRange(write)).rejects.toMatchObject({ code: "broken_chain" });
  });

  it("refuses a log that ends before the watermark", async () => {
    const world = await storyWorld();
    await runMerge(world.ports);
    const other = createWorld();
    await other.writer.upsert("alpha");
    const mixed = { ...other.log, manifests: world.log.manifests };
    const ports = { ...world.ports, log: mixed };
    const { planMerge } = createMergeActivities(ports);
    await expect(planMerge({ tenant: acme })).rejects.toMatchObject({ code: "log_identity" });
  });
});

describe("a commit", () => {
  async function written(world: World): Promise<PlannedMerge> {
    const plan = await planOf(world);
    const { from, to } = plan;
    await createMergeActivities(world.ports).writeRange({ tenant: acme, from, to, after: from });
    return plan;
  }

  it("that was made already is found, by any attempt", async () => {
    const world = await storyWorld();
    const plan = await written(world);
    const { commitMerge } = createMergeActivities(world.ports);
    expect(await commitMerge({ ...plan, workflowId })).toEqual({
      ...{ kind: "committed", documents: 3, unconfirmed: true },
    });
    const stored = await world.log.manifests.get(acme);
    expect(await commitMerge({ ...plan, workflowId })).toEqual({
      kind: "already",
      unconfirmed: true,
    });
    expect(await world.log.manifests.get(acme)).toEqual(stored);
  });

  it("asks for a new plan when another one moved the watermark less far", async () => {
    const world = await storyWorld();
    const plan = await written(world);
    const { commitMerge, planMerge } = createMergeActivities(world.ports);
    const shorter = await planMerge({ tenant: acme, upTo: (plan.to - 3) as Position });
    await commitMerge({ ...(shorter as PlannedMerge), workflowId });
    expect(await commitMerge({ ...plan, workflowId })).toEqual({ kind: "replan" });
  });

  it("asks for a new plan when the compare-and-set is lost", async () => {
    const world = await storyWorld();
    const plan = await written(world);
    vi.spyOn(world.log.manifests, "commit").mockResolvedValueOnce("conflict");
    const { commitMerge } = createMergeActivities(world.ports);
    expect(await commitMerge({ ...plan, workflowId })).toEqual({ kind: "replan" });
  });

  it("marks cold before it moves the watermark, and never moves the marker back", async () => {
    const world = await storyWorld();
    const plan = await written(world);
    const commit = vi.spyOn(world.log.manifests, "commit").mockRejectedValueOnce(new Error("lost"));
    const { commitMerge, planMerge } = createMergeActivities(world.ports);
    await expect(commitMerge({ ...plan, workflowId })).rejects.toThrow("lost");
    expect(commit).toHaveBeenCalledOnce();
    const shorter = await planMerge({ tenant: acme, upTo: (plan.to - 3) as Position });
    await commitMerge({ ...(shorter as PlannedMerge), workflowId });
    expect((await world.cold.readMarker(acme))?.to).toBe(plan.to);
  });
});

describe("a cold shard that lost data", () => {
  it("is written again from the log before anything new is merged (I12)", async () => {
    const world = await storyWorld();
    await runMerge(world.ports);
    await writeSequel(world.writer);
    const watermark = (await world.log.manifests.get(acme))?.manifest.to;
    world.cold.dropTenant(acme);
    expect(await runMerge(world.ports)).toMatchObject({
      kind: "merged",
      plan: { purpose: "repair", from: 0, to: watermark, more: true },
    });
    expect(coldState(world.cold)).toEqual(story);
    expect((await world.log.manifests.get(acme))?.manifest.to).toBe(watermark);
    await runMerge(world.ports);
    expect(coldState(world.cold)).toEqual(sequel);
  });

  it("keeps its old marker when the log no longer holds the loss: readers keep declaring it", async () => {
    const world = await storyWorld();
    await runMerge(world.ports);
    const watermark = world.writer.last;
    await writeSequel(world.writer);
    await world.log.chunks.purge({ tenant: acme, below: watermark });
    world.cold.dropTenant(acme);
    expect(await runMerge(world.ports)).toMatchObject({
      kind: "merged",
      plan: { purpose: "advance", marks: false },
    });
    expect(await world.cold.readMarker(acme)).toBeNull();
    expect((await world.log.manifests.get(acme))?.manifest.to).toBe(world.writer.last);
  });

  it("between plan and commit stops the commit", async () => {
    const world = await storyWorld();
    await runMerge(world.ports);
    await writeSequel(world.writer);
    const plan = await planOf(world);
    world.cold.dropTenant(acme);
    const { commitMerge } = createMergeActivities(world.ports);
    expect(await commitMerge({ ...plan, workflowId })).toEqual({ kind: "replan" });
  });
});

describe("the sweep", () => {
  it("asks exactly the tenants whose oldest unmerged record is old enough", async () => {
    let nowMs = 1_000_000;
    const clock = {
      ...systemClock,
      nowMs: () => nowMs,
      monotonicMs: () => nowMs,
      sleep: async () => {},
    };
    const world = createWorld({ clock });
    const tenants = ["old", "merged", "young"] as TenantId[];
    const [old, merged, young] = tenants.map((tenant) => new RecordWriter(world.log, tenant));
    await old?.upsert("a");
    await merged?.upsert("a");
    await runMerge(world.ports, "merged" as TenantId);
    nowMs += 60_000;
    await old?.upsert("b");
    await young?.upsert("a");
    const asked: string[] = [];
    const requestMerge = async (tenant: TenantId) => void asked.push(tenant);
    const sweep = createSweepActivities({
      ports: world.ports,
      ageMs: 60_000,
      requestMerge,
      requestScrub: async () => {},
      cancelMerge: async () => {},
      isErasing: async () => true,
    });
    expect(await sweep.signalDueTenants()).toEqual({ tenants: 3, due: 1 });
    expect(asked).toEqual(["old"]);
  });
});

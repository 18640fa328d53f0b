/**
 * Sweeps over all tenants: what one that fails, one without news, and a worker with a wrong clock
 * do to the others.
 */
import { describe, expect, it, vi } from "vitest";
import { purgeOld } from "../../activities/retention/retention.ts";
import { createMergeActivities } from "../../activities/steps.ts";
import { createSweepActivities, isInSlot } from "../../activities/sweep.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { sweepStory } from "../../workflows/sweep-story.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { runMerge, runRound } from "./run-merge.ts";
import { acme, coldState, createWorld, RecordWriter, type World, writeStory } from "./world.ts";

const day = 24 * 60 * 60_000;
const windowMs = 3 * day;

function sweepOf(world: World, ask = async (_tenant: TenantId): Promise<void> => {}) {
  const asked: TenantId[] = [];
  const request = async (tenant: TenantId): Promise<void> => {
    await ask(tenant);
    asked.push(tenant);
  };
  const { ports } = world;
  const sweep = createSweepActivities({
    ...{ ports, ageMs: 1_000 },
    requestMerge: request,
    requestScrub: request,
    cancelMerge: async () => {},
    isErasing: async () => true,
  });
  return { asked, sweep };
}

/**
 * Three merged tenants, all with a newer document; the log of the middle one fails when it is
 * looked at.
 */
async function worldWithBadTenant(code: "internal" | "log_unavailable") {
  const clock = createManualClock();
  const world = createWorld({ clock });
  const names = ["first", "middle", "last"] as TenantId[];
  for (const tenant of names) {
    const writer = new RecordWriter(world.log, tenant);
    await writeStory(writer);
    await runMerge(world.ports, tenant);
    await clock.advance(windowMs + 1);
    await writer.upsert("young");
  }
  await clock.advance(2_000);
  const last = world.log.chunks.last.bind(world.log.chunks);
  vi.spyOn(world.log.chunks, "last").mockImplementation(async (tenant) => {
    if (tenant === "middle") throw new FreshetError(code, "a record is malformed");
    return last(tenant);
  });
  return world;
}

describe("one tenant with a record that cannot be read", () => {
  it("ends no sweep: it is counted, and all others are asked to merge", async () => {
    const world = await worldWithBadTenant("internal");
    const count = vi.spyOn(world.ports.metrics, "count");
    const { asked, sweep } = sweepOf(world);
    expect(await sweep.signalDueTenants()).toEqual({ tenants: 3, due: 2, failed: 1 });
    expect(asked.toSorted()).toEqual(["first", "last"]);
    expect(count).toHaveBeenCalledWith("sweep_failures_total", { step: "merge" });
  });

  it("ends no retention: what is old goes everywhere else", async () => {
    const world = await worldWithBadTenant("internal");
    const result = await purgeOld(world.ports, { after: null }, 1_000);
    expect(result).toMatchObject({ tenants: 3, failed: 1, next: null });
    expect(result.records).toBeGreaterThan(10);
  });

  it("ends no sweep of scrubs either, when its workflow cannot be asked", async () => {
    const world = await worldWithBadTenant("internal");
    const { asked, sweep } = sweepOf(world, async (tenant) => {
      if (tenant === "middle") throw new FreshetError("internal");
    });
    expect(await sweep.requestScrubs()).toEqual({ tenants: 3, due: 2, failed: 1 });
    expect(asked.toSorted()).toEqual(["first", "last"]);
  });

  it("is distinguished from an outage of the log, which ends the step: it is repeated whole", async () => {
    const world = await worldWithBadTenant("log_unavailable");
    const { sweep } = sweepOf(world);
    await expect(sweep.signalDueTenants()).rejects.toMatchObject({ code: "log_unavailable" });
    await expect(purgeOld(world.ports, { after: null }, 1_000)).rejects.toMatchObject({
      code: "log_unavailable",
    });
  });
});

describe("a sweep whose first step fails", () => {
  const cancelled = new Error("cancelled");
  const isCancellation = (reason: unknown): boolean => reason === cancelled;

  it("clears the log all the same, and then says that it failed", async () => {
    const clearLog = vi.fn(async () => {});
    const ask = () => Promise.reject(new Error("temporal is away"));
    await expect(sweepStory({ ask, clearLog, isCancellation })).rejects.toThrow("temporal is away");
    expect(clearLog).toHaveBeenCalledOnce();
  });

  it("asks before it clears, and tells what it asked", async () => {
    const order: string[] = [];
    const result = await sweepStory({
      ask: async () => order.push("ask"),
      clearLog: async () => void order.push("clear"),
      isCancellation,
    });
    expect([result, order]).toEqual([1, ["ask", "clear"]]);
  });

  it("ends at once when it is cancelled", async () => {
    const clearLog = vi.fn(async () => {});
    const ask = () => Promise.reject(cancelled);
    await expect(sweepStory({ ask, clearLog, isCancellation })).rejects.toBe(cancelled);
    expect(clearLog).not.toHaveBeenCalled();
  });
});

describe("a takeover of an idle tenant", () => {
  it("makes it not due, however old, and plans no merge", async () => {
    const clock = createManualClock();
    const world = createWorld({ clock });
    await writeStory(world.writer);
    await runMerge(world.ports);
    const revision = (await world.log.manifests.get(acme))?.revision;
    await world.writer.fence();
    await world.writer.fence();
    await clock.advance(day);
    const { sweep } = sweepOf(world);
    expect(await sweep.signalDueTenants()).toEqual({ tenants: 1, due: 0 });
    const put = vi.spyOn(world.log.manifests, "putPiece");
    expect(await runRound(world.ports)).toEqual({ kind: "nothing" });
    expect(put).not.toHaveBeenCalled();
    expect((await world.log.manifests.get(acme))?.revision).toBe(revision);
  });

  it("of a tenant that never had a document is nothing either", async () => {
    const clock = createManualClock();
    const world = createWorld({ clock });
    await world.writer.fence();
    await clock.advance(day);
    expect(await sweepOf(world).sweep.signalDueTenants()).toEqual({ tenants: 1, due: 0 });
    expect(await runRound(world.ports)).toEqual({ kind: "nothing" });
  });

  it("still owes the confirmation of the merge before it, which no worker saw committed", async () => {
    const world = createWorld();
    await world.writer.upsert("alpha");
    const round = await runRound(world.ports);
    if (round.kind !== "merged") throw new Error("nothing was merged");
    await world.writer.fence();
    const { deployment } = world.ports.log;
    const owed = { kind: "nothing", unconfirmedTo: round.plan.to, deployment };
    expect(await runRound(world.ports)).toEqual(owed);
    await createMergeActivities(world.ports).confirmMerge({ tenant: acme, to: round.plan.to });
    expect(await runRound(world.ports)).toEqual({ kind: "nothing" });
  });

  it("hides no operation after it: that makes due from its own age", async () => {
    const clock = createManualClock();
    const world = createWorld({ clock });
    await writeStory(world.writer);
    await runMerge(world.ports);
    await world.writer.fence();
    await clock.advance(day);
    await world.writer.upsert("news");
    expect(await sweepOf(world).sweep.signalDueTenants()).toMatchObject({ due: 0 });
    await clock.advance(1_001);
    expect(await sweepOf(world).sweep.signalDueTenants()).toMatchObject({ due: 1 });
    expect(await runRound(world.ports)).toMatchObject({ kind: "merged", written: 1 });
  });

  it("is passed all the same where a bound was reached with nothing but fences", async () => {
    const world = createWorld();
    await world.writer.fence();
    const fence = await world.log.chunks.last(acme);
    if (fence === null) throw new Error("no fence");
    vi.spyOn(world.log.chunks, "headers").mockImplementation(async function* () {
      for (let index = 0; index <= limits.mergeRecordsMax; index += 1) yield fence;
    });
    expect(await createMergeActivities(world.ports).planMerge({ tenant: acme })).toMatchObject({
      ...{ kind: "merge", records: limits.mergeRecordsMax, upserts: 0, more: true },
    });
  });
});

describe("a merge that nobody confirms", () => {
  const committed = async () => {
    const clock = createManualClock();
    const world = createWorld({ clock });
    await writeStory(world.writer);
    const round = await runRound(world.ports);
    if (round.kind !== "merged") throw new Error("nothing was merged");
    return { clock, world, to: round.plan.to };
  };

  it("is asked for by the sweep, again and again, until it is confirmed: Temporal may have lost it", async () => {
    const { clock, world, to } = await committed();
    const { asked, sweep } = sweepOf(world);
    const sweepFor = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += limits.mergeSweepEveryMs) {
        await sweep.signalDueTenants();
        await clock.advance(limits.mergeSweepEveryMs);
      }
    };
    // Its own workflow has its time first.
    await sweepFor(limits.mergeConfirmMs);
    expect(asked).toEqual([]);
    await sweepFor(10 * limits.mergeConfirmMs);
    expect(asked.length).toBeGreaterThan(1);
    expect(asked.length).toBeLessThan(6);
    const nothing = { kind: "nothing", unconfirmedTo: to };
    expect(await runRound(world.ports)).toMatchObject(nothing);
    await createMergeActivities(world.ports).confirmMerge({ tenant: acme, to });
    asked.length = 0;
    await sweepFor(10 * limits.mergeConfirmMs);
    expect(asked).toEqual([]);
  });

  it("is not asked for while confirmations keep coming", async () => {
    const { clock, world } = await committed();
    const { asked, sweep } = sweepOf(world);
    const { confirmMerge } = createMergeActivities(world.ports);
    for (let turn = 0; turn < 20; turn += 1) {
      const to = world.writer.last;
      await world.writer.upsert(`turn ${turn}`);
      await runRound(world.ports);
      await confirmMerge({ tenant: acme, to });
      await sweep.signalDueTenants();
      await clock.advance(limits.mergeSweepEveryMs);
    }
    expect(asked).toEqual([]);
  });
});

describe("a worker whose clock is wrong", () => {
  const shifted = (clock: Clock, ms: number): Clock => ({
    ...clock,
    nowMs: () => clock.nowMs() + ms,
  });

  it("three days ahead purges nothing that is young by the log's own time", async () => {
    const clock = createManualClock();
    const world = createWorld({ clock, workerClock: shifted(clock, windowMs) });
    await writeStory(world.writer);
    await runMerge(world.ports);
    await clock.advance(1_000);
    await world.writer.upsert("young");
    expect(await purgeOld(world.ports, { after: null }, windowMs)).toMatchObject({ records: 0 });
    await clock.advance(windowMs + 1);
    expect((await purgeOld(world.ports, { after: null }, windowMs)).records).toBeGreaterThan(0);
  });

  it("90 s ahead deletes nothing that an owner that lags still shows", async () => {
    const settleMs = limits.mergeSettleMs;
    const clock = createManualClock();
    const world = createWorld({ clock, workerClock: shifted(clock, settleMs) });
    await world.writer.upsert("alpha");
    await runRound(world.ports);
    await world.writer.upsert("alpha");
    const round = await runRound(world.ports);
    if (round.kind !== "merged") throw new Error("nothing was merged");
    const { from, to, piecesBefore } = round.plan;
    const clean = () =>
      createMergeActivities(world.ports).cleanSuperseded({
        ...{ tenant: acme, from, to, piecesBefore, settleMs },
      });
    expect(await clean()).toMatchObject({ deleted: 0 });
    expect(coldState(world.cold)).toHaveLength(2);
    await clock.advance(settleMs);
    expect(await clean()).toMatchObject({ deleted: 1 });
  });

  it("behind waits, also when the log's server was set forward", async () => {
    const clock = createManualClock();
    const world = createWorld({ clock: shifted(clock, windowMs), workerClock: clock });
    await writeStory(world.writer);
    await runMerge(world.ports);
    await world.writer.upsert("young");
    expect(await purgeOld(world.ports, { after: null }, 1_000)).toMatchObject({ records: 0 });
  });
});

describe("the scrubs of a day", () => {
  it("are spread over it: each tenant has one slot, and no slot has many", async () => {
    const tenants = Array.from({ length: 2_000 }, (_, index) => `tenant-${index}` as TenantId);
    const slots = limits.scrubEveryMs / limits.scrubSlotMs;
    const counts = Array.from({ length: slots }, (_, slot) => {
      const atMs = 20_000 * day + slot * limits.scrubSlotMs + 1_234;
      return tenants.filter((tenant) => isInSlot(tenant, atMs)).length;
    });
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(tenants.length);
    expect(Math.max(...counts)).toBeLessThan(4 * (tenants.length / slots));
  });

  it("are asked for in their slot only, and all at once when an operator says so", async () => {
    const world = createWorld();
    await world.writer.upsert("alpha");
    await runMerge(world.ports);
    const slots = limits.scrubEveryMs / limits.scrubSlotMs;
    let asked = 0;
    for (let slot = 0; slot < slots; slot += 1) {
      const { due } = await sweepOf(world).sweep.requestScrubs({
        slotAtMs: slot * limits.scrubSlotMs,
      });
      asked += due;
    }
    expect(asked).toBe(1);
    expect(await sweepOf(world).sweep.requestScrubs()).toEqual({ tenants: 1, due: 1 });
  });
});

describe("tenants without news", () => {
  it("cost no read of the log until something that is written now could be due", async () => {
    const clock = createManualClock();
    const world = createWorld({ clock });
    const writer = new RecordWriter(world.log, acme);
    await writeStory(writer);
    await runMerge(world.ports, acme);
    const { asked, sweep } = sweepOf(world);
    expect(await sweep.signalDueTenants()).toEqual({ tenants: 1, due: 0 });
    const last = vi.spyOn(world.log.chunks, "last");
    await clock.advance(400);
    await writer.upsert("young");
    await clock.advance(500);
    expect(await sweep.signalDueTenants()).toEqual({ tenants: 1, due: 0 });
    expect(last).not.toHaveBeenCalled();
    // Looked at again, it is known to the moment when its one record is due.
    await clock.advance(100);
    expect(await sweep.signalDueTenants()).toEqual({ tenants: 1, due: 0 });
    await clock.advance(399);
    expect(await sweep.signalDueTenants()).toEqual({ tenants: 1, due: 0 });
    expect(last).toHaveBeenCalledTimes(1);
    await clock.advance(1);
    expect(await sweep.signalDueTenants()).toEqual({ tenants: 1, due: 1 });
    expect(asked).toEqual([acme]);
  });
});

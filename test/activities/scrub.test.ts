import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judgeEntry } from "../../activities/scrub/cold-pass.ts";
import { createMergeActivities } from "../../activities/steps.ts";
import { objectId } from "../../src/cold/object-id.ts";
import type { ColdObject } from "../../src/cold/port.ts";
import type { DocumentId, Position, Version } from "../../src/contract/ids.ts";
import type { ScrubOutcome } from "../../src/contract/scrub.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { TenantScrub } from "../../workflows/tenant-scrub.ts";
import { runs } from "../support/runs.ts";
import { runMerge, runRound } from "./run-merge.ts";
import { acme, coldState, createWorld, type World, writeSequel, writeStory } from "./world.ts";

function object(id: string, version: number, more: Partial<ColdObject> = {}): ColdObject {
  const key = { documentId: id as DocumentId, version: version as Version, chunk: more.chunk ?? 0 };
  const vector = new Float32Array([1, 0, 0, 0, 0, 0, 0, 0]);
  const made = { ...key, chunkCount: 1, text: "late", info: {}, vector };
  return { ...made, id: objectId({ tenant: acme, ...key }), ...more };
}

/** One whole scrub, as the workflow does it. */
async function scrub(
  { ports }: World,
  {
    settleMs = 0,
    between = async () => {},
  }: { settleMs?: number; between?: () => Promise<unknown> } = {},
): Promise<Extract<ScrubOutcome, { kind: "scrubbed" }>> {
  const steps = createMergeActivities(ports);
  const scrubs = new TenantScrub(undefined);
  const asked = scrubs.force();
  while (scrubs.hasPendingWork()) {
    await scrubs.step(steps, { tenant: acme, settleMs, nowMs: () => ports.clock.nowMs() });
    await between();
  }
  const outcome = await asked;
  if (outcome.kind !== "scrubbed") throw new Error(`the scrub was ${outcome.kind}`);
  return outcome;
}

async function mergedWorld(): Promise<World> {
  const world = createWorld();
  await writeStory(world.writer);
  await runMerge(world.ports);
  await writeSequel(world.writer);
  await runMerge(world.ports);
  return world;
}

/**
 * A merged story, then a change and a delete that come a second later and are not merged; `pass`
 * moves the clock.
 */
async function lateChanges(): Promise<{ readonly world: World; pass(ms: number): void }> {
  let nowMs = 1_000_000;
  const world = createWorld({ clock: { ...systemClock, nowMs: () => nowMs } });
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  await writeStory(world.writer);
  await runMerge(world.ports);
  pass(1_000);
  await world.writer.upsert("alpha", 1);
  await world.writer.delete("beta");
  return { world, pass };
}

describe("a scrub", () => {
  it("of a sound cold shard finds everything, changes nothing, and is so again", async () => {
    const world = await mergedWorld();
    const before = coldState(world.cold);
    const expected = {
      ...{ walked: 4, live: 4, waiting: 0, deleted: 0, checked: 4, repaired: 0, lost: 0 },
      marker: "kept",
    };
    expect(await scrub(world)).toMatchObject(expected);
    expect(await scrub(world)).toMatchObject(expected);
    expect(coldState(world.cold)).toEqual(before);
  });

  it("restores any cold shard from which objects were lost and to which old ones came back (I4, I12)", async () => {
    const operation = fc.record({
      id: fc.constantFrom("a", "b", "c", "d"),
      chunks: fc.integer({ min: 0, max: 3 }),
      merges: fc.boolean(),
    });
    const fates = fc.array(fc.boolean(), { minLength: 40, maxLength: 40 });
    const restores = async (
      story: readonly { readonly id: string; readonly chunks: number; readonly merges: boolean }[],
      dropped: readonly boolean[],
    ): Promise<void> => {
      const world = createWorld();
      const ever = new Map<string, ColdObject>();
      for (const { id, chunks, merges } of story) {
        if (chunks === 0) await world.writer.delete(id);
        else await world.writer.upsert(id, chunks);
        if (merges) await runRound(world.ports);
        for (const each of world.cold.objects(acme)) ever.set(each.id, each);
      }
      await runMerge(world.ports);
      await scrub(world);
      const before = coldState(world.cold);
      world.cold.resurrect(acme, [...ever.values()]);
      const ids = world.cold.objects(acme).map(({ id }) => id);
      world.cold.drop(
        acme,
        ids.filter((_id, index) => dropped[index] === true),
      );
      expect(await scrub(world)).toMatchObject({ lost: 0, live: before.length });
      expect(coldState(world.cold)).toEqual(before);
    };
    const stories = fc.array(operation, { minLength: 1, maxLength: 12 });
    await fc.assert(fc.asyncProperty(stories, fates, restores), { numRuns: runs(60) });
  });

  it("has nothing to do for a tenant that was never merged", async () => {
    const world = createWorld();
    await writeStory(world.writer);
    expect(await createMergeActivities(world.ports).planScrub({ tenant: acme })).toEqual({
      kind: "nothing",
    });
  });

  it("deletes what was resurrected: superseded, deleted, or under a foreign id (I4, I5)", async () => {
    const world = await mergedWorld();
    const before = coldState(world.cold);
    world.cold.resurrect(acme, [
      object("alpha", 1),
      object("alpha", 1, { chunk: 2 }),
      object("epsilon", 8),
      object("never-there", 3),
      object("beta", 5, { id: "00000000-0000-4000-8000-000000000000" }),
    ]);
    expect(await scrub(world)).toMatchObject({ walked: 9, live: 4, deleted: 5, repaired: 0 });
    expect(coldState(world.cold)).toEqual(before);
  });

  it("writes again what cold lost below its marker, from the log, and leaves no other trace (I12)", async () => {
    const world = await mergedWorld();
    const before = coldState(world.cold);
    const gone = world.cold.objects(acme).filter(({ documentId, chunk }) => {
      return documentId === "beta" || (documentId === "gamma" && chunk === 1);
    });
    world.cold.drop(
      acme,
      gone.map(({ id }) => id),
    );
    expect(await scrub(world)).toMatchObject({ checked: 4, repaired: 2, walked: 4, lost: 0 });
    expect(coldState(world.cold)).toEqual(before);
  });

  it("puts a lost tenant right, marker included", async () => {
    const world = await mergedWorld();
    const before = coldState(world.cold);
    const marker = await world.cold.readMarker(acme);
    world.cold.dropTenant(acme);
    expect(await scrub(world)).toMatchObject({ repaired: 4, lost: 0, marker: "restored" });
    expect(coldState(world.cold)).toEqual(before);
    expect(await world.cold.readMarker(acme)).toEqual(marker);
  });

  it("counts what the log no longer holds as lost, and takes the marker back until it is there again (I12)", async () => {
    const world = await mergedWorld();
    await world.log.chunks.purge({ tenant: acme, below: world.writer.last });
    expect(await scrub(world)).toMatchObject({ lost: 0, marker: "kept", checked: 0 });
    const lost = world.cold.objects(acme).filter(({ documentId, chunk }) => {
      return documentId === "beta" || (documentId === "gamma" && chunk === 1);
    });
    world.cold.drop(
      acme,
      lost.map(({ id }) => id),
    );
    expect(await scrub(world)).toMatchObject({ lost: 2, marker: "withdrawn" });
    expect((await world.cold.readMarker(acme))?.to).toBe(0);
    await world.writer.upsert("beta");
    await world.writer.delete("gamma");
    expect(await runMerge(world.ports)).toMatchObject({ kind: "merged", plan: { marks: false } });
    expect(await scrub(world)).toMatchObject({ lost: 0, marker: "restored" });
    expect((await world.cold.readMarker(acme))?.to).toBe(world.writer.last);
  });

  it("does not vouch for a cold shard that was restored older while it was at work (I12)", async () => {
    const world = await mergedWorld();
    const snapshot = world.cold.objects(acme);
    const before = { to: 3 as Position, version: 3 as Version };
    let restored = false;
    const between = async (): Promise<void> => {
      if (restored) return;
      restored = true;
      world.cold.dropTenant(acme);
      world.cold.resurrect(acme, snapshot.slice(1));
      await world.cold.writeMarker(acme, before);
    };
    // After its plan, and once more after everything was read back.
    expect(await scrub(world, { between })).toMatchObject({ lost: 0, marker: "kept" });
    expect(await world.cold.readMarker(acme)).toEqual(before);
  });

  it("keeps what a merge wrote ahead of the watermark, and the next merge needs it not less (MR3)", async () => {
    const world = await mergedWorld();
    await world.writer.upsert("alpha", 2);
    await world.writer.upsert("eta", 1);
    const steps = createMergeActivities(world.ports);
    const plan = await steps.planMerge({ tenant: acme });
    if (plan.kind !== "merge") throw new Error("nothing was planned");
    await steps.writeRange({ ...plan, after: plan.from });
    const ahead = coldState(world.cold);
    expect(await scrub(world)).toMatchObject({ live: 4, waiting: 3, deleted: 0, lost: 0 });
    expect(coldState(world.cold)).toEqual(ahead);
    await steps.verifyRange(plan);
    expect(await steps.commitMerge({ ...plan, workflowId: "merge/x" })).toMatchObject({
      kind: "committed",
    });
    await scrub(world);
    const alone = await mergedWorld();
    await alone.writer.upsert("alpha", 2);
    await alone.writer.upsert("eta", 1);
    await runMerge(alone.ports);
    expect(coldState(world.cold)).toEqual(coldState(alone.cold));
  });

  it("leaves what was superseded so lately that an owner may not know it (I5, CS2)", async () => {
    const { world, pass } = await lateChanges();
    await runRound(world.ports);
    expect(await scrub(world, { settleMs: 500 })).toMatchObject({ waiting: 3, deleted: 1 });
    pass(500);
    expect(await scrub(world, { settleMs: 500 })).toMatchObject({ waiting: 0, deleted: 3 });
  });

  it("says nothing about losses when a merge came between, and leaves the marker alone (SR1)", async () => {
    const world = await mergedWorld();
    await world.log.chunks.purge({ tenant: acme, below: world.writer.last });
    world.cold.drop(
      acme,
      world.cold.objects(acme).map(({ id }) => id),
    );
    let merged = false;
    const between = async (): Promise<void> => {
      if (merged) return;
      merged = true;
      await world.writer.upsert("theta");
      await runMerge(world.ports);
    };
    expect(await scrub(world, { between })).toMatchObject({ lost: null, marker: "kept" });
    expect(await scrub(world)).toMatchObject({ lost: 3, marker: "withdrawn" });
  });

  it("serves who asks while it runs by another one (TS2)", async () => {
    const world = await mergedWorld();
    const steps = createMergeActivities(world.ports);
    const scrubs = new TenantScrub(undefined);
    const outcomes: Promise<ScrubOutcome>[] = [scrubs.force()];
    for (let step = 0; scrubs.hasPendingWork(); step += 1) {
      await scrubs.step(steps, { tenant: acme, settleMs: 0, nowMs: () => 0 });
      if (step !== 1) continue;
      world.cold.resurrect(acme, [object("epsilon", 8)]);
      outcomes.push(scrubs.force());
    }
    const [first, second] = await Promise.all(outcomes);
    expect([first?.kind, second?.kind]).toEqual(["scrubbed", "scrubbed"]);
    expect(coldState(world.cold)).toHaveLength(4);
  });

  it("continues where it was in the next run of the workflow", async () => {
    const world = await mergedWorld();
    world.cold.resurrect(acme, [object("epsilon", 8)]);
    const steps = createMergeActivities(world.ports);
    let scrubs = new TenantScrub(undefined);
    scrubs.due();
    for (let step = 0; scrubs.hasPendingWork(); step += 1) {
      await scrubs.step(steps, { tenant: acme, settleMs: 0, nowMs: () => 0 });
      scrubs = new TenantScrub(structuredClone(scrubs.carried()));
    }
    expect(scrubs.last).toMatchObject({ walked: 5, deleted: 1, checked: 4 });
  });
});

describe("an object of cold", () => {
  const standing = {
    tenant: acme,
    watermarkVersion: 10 as Version,
    settledVersion: 7 as Version,
  };
  it.each([
    ["live", 5, 5],
    ["live", 9, 9],
    ["orphan", 4, 7],
    ["waiting", 4, 8],
    ["orphan", 9, undefined],
    ["waiting", 11, undefined],
    ["waiting", 11, 5],
  ] as const)("is %s in version %s while its document's head is %s", (verdict, version, head) => {
    expect(judgeEntry(object("a", version), head as Version | undefined, standing)).toBe(verdict);
  });
});

describe("cleaning up after a merge", () => {
  it("spares what was superseded so lately that an owner may not know it (I5, CS2)", async () => {
    const { world, pass } = await lateChanges();
    const round = await runRound(world.ports);
    if (round.kind !== "merged") throw new Error("nothing was merged");
    const { from, to, piecesBefore } = round.plan;
    const request = { tenant: acme, from, to, piecesBefore, settleMs: 500 };
    const steps = createMergeActivities(world.ports);
    expect(await steps.cleanSuperseded(request)).toEqual({ documents: 1, deleted: 1 });
    pass(500);
    expect(await steps.cleanSuperseded(request)).toEqual({ documents: 2, deleted: 3 });
  });
});

it("SC4: live objects whose terms an earlier Freshet made get those of today", async () => {
  const world = await mergedWorld();
  const ids = world.cold.objects(acme).map(({ id }) => id);
  world.cold.forgetTerms(acme, ids.slice(0, 2));
  const walk = () => world.cold.walk(acme, { after: null, limit: 100 });
  expect((await walk()).filter(({ hasOldTerms }) => hasOldTerms === true)).toHaveLength(2);
  const before = coldState(world.cold);
  await scrub(world);
  expect((await walk()).filter(({ hasOldTerms }) => hasOldTerms === true)).toEqual([]);
  expect(coldState(world.cold)).toEqual(before);
});

import { describe, expect, it } from "vitest";
import { createMergeActivities } from "../../activities/steps.ts";
import type { DocumentId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import { readHeads } from "../../src/heads/read-heads.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { runMerge, runRound } from "./run-merge.ts";
import { acme, createWorld, type World } from "./world.ts";

const margin = limits.mergeExpiryMarginMs;

/** A world whose clock stands at 0 and is moved by hand. */
function timedWorld() {
  let now = 0;
  const world = createWorld({ clock: { ...systemClock, nowMs: () => now } });
  return { ...world, world, at: (ms: number) => (now = ms) };
}

const inCold = ({ cold }: World): readonly string[] =>
  cold
    .objects(acme)
    .map(({ documentId, version }) => `${documentId}@${version}`)
    .toSorted();

async function headOf({ log }: World, id: string): Promise<Version | undefined> {
  const stored = await log.manifests.get(acme);
  const heads = await readHeads(log.manifests, acme, stored?.manifest.pieces ?? []);
  return heads.get(fingerprintOf(acme, id as DocumentId));
}

describe("documents that expire", () => {
  it("are merged as any other while their time is not over", async () => {
    const { world, writer, ports } = timedWorld();
    await writer.upsert("a", 2, { expiresAtMs: 1 });
    await runMerge(ports);
    expect(inCold(world)).toEqual(["a@1", "a@1"]);
    expect(await headOf(world, "a")).toBe(1);
  });

  it("are not copied to cold when it is over, and have no head; what they replaced goes, too", async () => {
    const { world, writer, ports, at } = timedWorld();
    await writer.upsert("a");
    await writer.upsert("kept");
    await runMerge(ports);
    await writer.upsert("a", 3, { expiresAtMs: 1_000 });
    await writer.upsert("b", 1, { expiresAtMs: 1_000 });
    at(1_000 + margin);
    const result = await runMerge(ports);
    expect(result).toMatchObject({ plan: { upserts: 0, deletes: 2 }, written: 0, documents: 1 });
    expect(inCold(world)).toEqual(["kept@2"]);
    expect(await headOf(world, "a")).toBeUndefined();
  });

  it("leave heads and cold with a later merge of other documents, and are not lost to a scrub", async () => {
    const { world, writer, ports, at } = timedWorld();
    await writer.upsert("a", 2, { expiresAtMs: 1_000 });
    await writer.upsert("kept");
    await runMerge(ports);
    await writer.upsert("other");
    at(999 + margin);
    await runMerge(ports);
    expect(inCold(world)).toEqual(["a@1", "a@1", "kept@2", "other@3"]);
    await writer.upsert("another");
    at(1_000 + margin);
    const round = await runRound(ports);
    expect(await headOf(world, "a")).toBeUndefined();
    if (round.kind !== "merged") throw new Error("not merged");
    const { from, to, piecesBefore, expiredAtMs } = round.plan;
    const clean = { tenant: acme, from, to, piecesBefore, settleMs: 0, expiredAtMs };
    expect((await createMergeActivities(ports).cleanSuperseded(clean)).deleted).toBe(2);
    expect(inCold(world)).toEqual(["another@4", "kept@2", "other@3"]);
  });

  it("whose expired version was replaced keep the newer one, whatever cold still holds", async () => {
    const { world, writer, ports, at } = timedWorld();
    await writer.upsert("a", 1, { expiresAtMs: 1_000 });
    await runMerge(ports);
    await writer.upsert("a");
    at(1_000 + margin);
    await runRound(ports);
    expect(await headOf(world, "a")).toBe(2);
    await writer.upsert("b");
    await runMerge(ports);
    expect(inCold(world)).toEqual(["a@2", "b@3"]);
  });

  it("are kept by an object's clean-up for as long as the heads name it (CS3)", async () => {
    const { world, writer, ports, at } = timedWorld();
    await writer.upsert("a", 1, { expiresAtMs: 1_000 });
    await runMerge(ports);
    at(1_000 + margin);
    const { to } = (await world.log.manifests.get(acme))?.manifest ?? { to: 0 as never };
    const range = { tenant: acme, from: to, to, piecesBefore: [], settleMs: 0 };
    const clean = createMergeActivities(ports).cleanSuperseded;
    expect((await clean({ ...range, expiredAtMs: 1_000 })).deleted).toBe(0);
    expect(inCold(world)).toEqual(["a@1"]);
  });

  it("that cold lost are written again by a repair, since the heads still name them", async () => {
    const { world, writer, ports, at, cold } = timedWorld();
    await writer.upsert("a", 1, { expiresAtMs: 1_000 });
    await runMerge(ports);
    cold.dropTenant(acme);
    at(1_000 + margin);
    expect(await runRound(ports)).toMatchObject({ plan: { purpose: "repair" } });
    expect(inCold(world)).toEqual(["a@1"]);
    await writer.upsert("b");
    await runMerge(ports);
    expect(inCold(world)).toEqual(["b@2"]);
  });
});

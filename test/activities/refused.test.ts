/**
 * Field case 58: one document that cold refuses stopped all merges of its tenant. Now it ends
 * alone, and not silently.
 */
import { describe, expect, it, vi } from "vitest";
import { readScrubbed } from "../../activities/scrub/standing.ts";
import { createMergeActivities } from "../../activities/steps.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { DocumentId, Epoch, Position, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { fingerprintOf } from "../../src/heads/fingerprint.ts";
import { replay } from "../../src/log/dead-letter-replay.ts";
import { mergeRound, type RoundActivities } from "../../workflows/merge-round.ts";
import { TenantScrub } from "../../workflows/tenant-scrub.ts";
import { hooks, runMerge, runRound, workflowId } from "./run-merge.ts";
import { acme, coldState, createWorld, type World } from "./world.ts";

/** Cold refuses documents whose id begins with `cursed`, from now on. */
function cursedWorld(): World {
  const world = createWorld();
  world.cold.refuse(({ documentId }) => documentId.startsWith("cursed"));
  return world;
}

const letters = ({ log }: World) => log.deadLetters.list(acme, 1_000);

async function headOf({ ports }: World, id: string) {
  const { heads } = await readScrubbed(ports, acme);
  return heads.get(fingerprintOf(acme, id as DocumentId));
}

describe("a merge with a document that cold refuses for good", () => {
  it("commits its neighbours and leaves a dead letter, and heads that do not promise it", async () => {
    const world = cursedWorld();
    const { writer, ports, log, cold } = world;
    await writer.upsert("alpha", 2);
    const version = await writer.upsert("cursed", 2);
    const position = writer.last;
    await writer.upsert("beta");
    expect(await runMerge(ports)).toMatchObject({ kind: "merged", documents: 2, refused: 1 });
    expect(coldState(cold).map((line) => line.split(" ")[0])).toEqual([
      ...["alpha@1#0", "alpha@1#1", "beta@3#0"],
    ]);
    expect(await letters(world)).toMatchObject([
      { tenant: acme, documentId: "cursed", version, position, reason: "cold_refused" },
    ]);
    expect(await headOf(world, "cursed")).toBeUndefined();
    expect(await headOf(world, "beta")).toBe(3);
    expect((await log.manifests.get(acme))?.manifest.to).toBe(writer.last);
    expect(await cold.readMarker(acme)).toMatchObject({ to: writer.last });
    expect(await runMerge(ports)).toMatchObject({ kind: "nothing" });
  });

  it("says so once, by an event and a count, when the commit stands", async () => {
    const world = cursedWorld();
    const events = vi.spyOn(world.log.events, "publish");
    const count = vi.spyOn(world.ports.metrics, "count");
    const version = await world.writer.upsert("cursed");
    await runMerge(world.ports);
    await runMerge(world.ports);
    const rejected = { id: "cursed", seq: version, status: "rejected", reason: "cold_refused" };
    expect(events.mock.calls).toEqual([[acme, expect.objectContaining(rejected)]]);
    expect(count).toHaveBeenCalledExactlyOnceWith("cold_refused_total", { tenant: acme }, 1);
  });

  it("does not commit when the dead letter cannot be written", async () => {
    const world = cursedWorld();
    await world.writer.upsert("cursed");
    vi.spyOn(world.log.deadLetters, "publish").mockRejectedValue(new Error("full"));
    await expect(runMerge(world.ports)).rejects.toThrow("full");
    expect(await world.log.manifests.get(acme)).toBeNull();
  });

  it("does not wait for room in the dead-letter stream: it could stand for days", async () => {
    const world = cursedWorld();
    await world.writer.upsert("cursed");
    await world.writer.upsert("alpha");
    const error = vi.spyOn(world.ports.logger, "error");
    const full = new FreshetError("overloaded");
    vi.spyOn(world.log.deadLetters, "publish").mockRejectedValue(full);
    expect(await runMerge(world.ports)).toMatchObject({ documents: 1, refused: 1 });
    expect(error).toHaveBeenCalledWith(
      { tenant: acme, version: 1 },
      expect.stringContaining("no room"),
    );
  });

  it("does not bring an older version of it back", async () => {
    const world = createWorld();
    await world.writer.upsert("cursed", 2);
    await runMerge(world.ports);
    world.cold.refuse(({ documentId }) => documentId === "cursed");
    await world.writer.upsert("cursed");
    expect(await runMerge(world.ports)).toMatchObject({ documents: 0, refused: 1 });
    expect(await headOf(world, "cursed")).toBeUndefined();
    expect(coldState(world.cold)).toEqual([]);
  });

  it("takes the document when it comes again in a form that cold takes", async () => {
    const world = cursedWorld();
    await world.writer.upsert("cursed");
    await runMerge(world.ports);
    world.cold.refuse(() => false);
    const version = await world.writer.upsert("cursed");
    expect(await runMerge(world.ports)).toMatchObject({ documents: 1 });
    expect(await headOf(world, "cursed")).toBe(version);
  });

  it("refuses a document whole when cold refuses one chunk of it, and a scrub clears the others", async () => {
    const world = createWorld();
    world.cold.refuse(({ chunk }) => chunk === 2);
    await world.writer.upsert("long", 4);
    await world.writer.upsert("short", 2);
    expect(await runMerge(world.ports)).toMatchObject({ documents: 1, refused: 1 });
    expect(await headOf(world, "long")).toBeUndefined();
    expect(await scrub(world)).toMatchObject({ deleted: 3, live: 2, lost: 0 });
    expect(coldState(world.cold).map((line) => line.split(" ")[0])).toEqual([
      "short@2#0",
      "short@2#1",
    ]);
  });

  it("is no way out of an outage: nothing is committed, no dead letter is written", async () => {
    const world = createWorld();
    await world.writer.upsert("alpha");
    world.cold.breakUpserts(1);
    await expect(runRound(world.ports)).rejects.toMatchObject({ code: "cold_unavailable" });
    expect(await letters(world)).toEqual([]);
    expect(await world.log.manifests.get(acme)).toBeNull();
  });

  it("holds the list of refused documents as long as it may be, in descriptors of a few kilobytes", async () => {
    const world = cursedWorld();
    for (let index = 0; index < limits.mergeRefusedMax; index += 1)
      await world.writer.upsert(`cursed${index}`);
    const activities = createMergeActivities(world.ports);
    const plan = await activities.planMerge({ tenant: acme });
    if (plan.kind !== "merge") throw new Error("nothing was planned");
    const { from, to } = plan;
    const written = await activities.writeRange({ tenant: acme, from, to, after: from });
    expect(written.refused).toHaveLength(limits.mergeRefusedMax);
    expect(JSON.stringify(written).length).toBeLessThan(8 * 1_024);
    expect(await runMerge(world.ports)).toMatchObject({ refused: limits.mergeRefusedMax });
    expect(await letters(world)).toHaveLength(limits.mergeRefusedMax);
  });

  it("fails with a code of its own, and commits nothing, when more are refused than that", async () => {
    const world = cursedWorld();
    for (let index = 0; index <= limits.mergeRefusedMax; index += 1)
      await world.writer.upsert(`cursed${index}`);
    await expect(runRound(world.ports)).rejects.toMatchObject({ code: "cold_refused" });
    expect(await world.log.manifests.get(acme)).toBeNull();
    expect(await letters(world)).toEqual([]);
  });

  it("counts the refused documents of all windows of a merge against the same bound", async () => {
    const world = cursedWorld();
    for (let index = 0; index < 4; index += 1) await world.writer.upsert(`d${index}`);
    const activities = createMergeActivities(world.ports);
    const perWindow = limits.mergeRefusedMax / 2 + 1;
    const steps: RoundActivities = {
      ...activities,
      // Two windows, each of which finds somewhat more than half of what may be refused.
      writeRange: async ({ after, from, to }) => ({
        written: 0,
        through: after === from ? ((from + 1) as Position) : to,
        refused: Array.from(
          { length: perWindow },
          (_, at) => (at * 2 + +(after > from)) as Position,
        ),
      }),
    };
    expect(await mergeRound(steps, hooks, { tenant: acme, workflowId })).toMatchObject({
      kind: "failed",
      error: { code: "cold_refused" },
    });
    expect(await world.log.manifests.get(acme)).toBeNull();
  });
});

describe("the dead letter of a document that cold refused", () => {
  it("can be replayed, once the document can be taken", async () => {
    const world = cursedWorld();
    const payload = new TextEncoder().encode(JSON.stringify({ id: "cursed", text: "a text" }));
    const { seq } = await world.log.docs.publish({ tenant: acme, payload });
    const body = { info: {}, chunks: [{ text: "a text", vector: new Float32Array([1]) }] };
    await world.log.chunks.append(
      {
        ...{ kind: "upsert", tenant: acme, version: seq, epoch: 1 as Epoch },
        ...{ documentId: "cursed" as DocumentId, chunkCount: 1 },
        body: { ...body, model: "test", redactor: "test" },
      },
      0 as Position,
    );
    await runMerge(world.ports);
    const [published] = await replay(world.log, acme, await letters(world));
    expect(published).toMatchObject({ kind: "published", seq });
    const [, again] = await world.log.docs.readTenant({
      tenant: acme,
      after: 0 as Version,
      max: 9,
    });
    expect(again?.payload).toEqual(payload);
    expect(again?.replay).toMatchObject({ of: seq });
  });
});

describe("a repair or a scrub that meets such a document", () => {
  it("writes it a dead letter, puts everything else right, and does not try again", async () => {
    const world = createWorld();
    await world.writer.upsert("alpha");
    await world.writer.upsert("cursed");
    await runMerge(world.ports);
    world.cold.refuse(({ documentId }) => documentId === "cursed");
    world.cold.drop(
      acme,
      world.cold.objects(acme).map(({ id }) => id),
    );
    expect(await scrub(world)).toMatchObject({ refused: 1, lost: 0, marker: "kept" });
    expect(coldState(world.cold).map((line) => line.split(" ")[0])).toEqual(["alpha@1#0"]);
    expect(await letters(world)).toMatchObject([{ documentId: "cursed", reason: "cold_refused" }]);
  });

  it("a confirmation puts everything else right, writes its dead letter and then passes it", async () => {
    const world = createWorld();
    await world.writer.upsert("alpha");
    await world.writer.upsert("cursed");
    await runRound(world.ports);
    world.cold.refuse(({ documentId }) => documentId === "cursed");
    world.cold.drop(
      acme,
      world.cold.objects(acme).map(({ id }) => id),
    );
    const { confirmMerge } = createMergeActivities(world.ports);
    const to = world.writer.last;
    expect(await confirmMerge({ tenant: acme, to })).toMatchObject({ repaired: 1 });
    expect(await confirmMerge({ tenant: acme, to })).toEqual({ through: to, repaired: 0 });
    expect(coldState(world.cold).map((line) => line.split(" ")[0])).toEqual(["alpha@1#0"]);
    expect(await letters(world)).toMatchObject([{ documentId: "cursed", reason: "cold_refused" }]);
  });

  it("merges a lost range again past it", async () => {
    const world = createWorld();
    await world.writer.upsert("alpha");
    await world.writer.upsert("cursed");
    await runMerge(world.ports);
    world.cold.refuse(({ documentId }) => documentId === "cursed");
    world.cold.dropTenant(acme);
    expect(await runMerge(world.ports)).toMatchObject({ plan: { purpose: "repair" }, refused: 1 });
    expect(await letters(world)).toMatchObject([{ documentId: "cursed", reason: "cold_refused" }]);
    expect(await world.cold.readMarker(acme)).toMatchObject({ to: world.writer.last });
    expect(await runMerge(world.ports)).toMatchObject({ kind: "nothing" });
  });
});

async function scrub({ ports }: World) {
  const scrubs = new TenantScrub(undefined);
  const asked = scrubs.force();
  const steps = createMergeActivities(ports);
  const options = { tenant: acme, settleMs: 0, nowMs: () => ports.clock.nowMs() };
  while (scrubs.hasPendingWork()) await scrubs.step(steps, options);
  return asked;
}

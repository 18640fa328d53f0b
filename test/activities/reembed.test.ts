/**
 * Generations that are built in memory: in any order of operations, merges, cut-off turns and
 * attempts that run beside each other, the new one ends with the documents of the old one.
 */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import {
  beginGeneration,
  buildGeneration,
  feedGeneration,
  joinGeneration,
} from "../../activities/reembed/build.ts";
import type { ReembedPorts } from "../../activities/reembed/ports.ts";
import { removeReleased } from "../../activities/reembed/remove.ts";
import { purgeOld } from "../../activities/retention/retention.ts";
import { toFreshetError } from "../../src/contract/errors.ts";
import { abandon, type TenantGenerations } from "../../src/contract/generation.ts";
import {
  type Epoch,
  generationName,
  type Position,
  type TenantId,
  type Version,
} from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { BuildTurn } from "../../src/contract/reembed.ts";
import { changeGenerations } from "../../src/log/generations.ts";
import { type Clock, systemClock } from "../../src/runtime/clock.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { runs } from "../support/runs.ts";
import { runMerge } from "./run-merge.ts";
import { acme, createWorld, type World } from "./world.ts";

const second = generationName(acme, 2);
const build = { tenant: acme, number: 2, textsPerS: 1e6 };

interface Reembedded extends World {
  readonly reembed: ReembedPorts;
  readonly merges: TenantId[];
}

/** Turns end after one page, so that there are many of them. */
function setUp(clock: Clock = systemClock): Reembedded {
  const world = createWorld({ clock });
  const merges: TenantId[] = [];
  const reembed: ReembedPorts = {
    ...world.ports,
    turnMs: 0,
    withEncoder: (_, work) =>
      work({
        ...{ fingerprint: "new", probe: "probe" },
        encode: async (texts) => texts.map((text) => new Float32Array([text.length, 0, 0, 1])),
      }),
    requestMerge: async (name) => void merges.push(name),
    cancelMerge: async () => {},
  };
  return { ...world, reembed, merges };
}

async function turn({ reembed }: Reembedded): Promise<BuildTurn["kind"] | string> {
  try {
    return (await buildGeneration(reembed, build)).kind;
  } catch (thrown) {
    return toFreshetError(thrown).code;
  }
}

async function toTheEnd(world: Reembedded): Promise<void> {
  for (let turns = 0; (await turn(world)) !== "caught-up"; turns += 1) {
    if (turns > 500) throw new Error("the build does not end");
  }
}

async function feedIt(world: Reembedded): Promise<void> {
  await toTheEnd(world);
  await joinGeneration(world.reembed, build);
  await toTheEnd(world);
  await feedGeneration(world.reembed, build);
}

/** Live documents: their version and texts, as the chain of records says. */
async function documentsOf({ log }: World, name: TenantId, after = 0 as Position) {
  const live = new Map<string, string>();
  const last = await log.chunks.last(name);
  if (last === null) return live;
  for await (const record of log.chunks.read({ tenant: name, after, to: last.position })) {
    if (record.kind === "delete") live.delete(record.documentId);
    if (record.kind !== "upsert") continue;
    const texts = record.body.chunks.map(({ text }) => text).join("|");
    live.set(record.documentId, `${record.version}: ${texts}`);
  }
  return live;
}

type Step =
  | { readonly kind: "upsert"; readonly id: number; readonly chunks: number }
  | { readonly kind: "delete"; readonly id: number }
  | { readonly kind: "merge" | "turn" | "two turns" | "reject" | "fence" };

const id = fc.integer({ min: 0, max: 5 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("upsert" as const),
    id,
    chunks: fc.integer({ min: 1, max: limits.reembedPageTexts }),
  }),
  fc.record({ kind: fc.constant("delete" as const), id }),
  fc.record({
    kind: fc.constantFrom("merge" as const, "turn" as const, "two turns" as const),
  }),
  fc.record({ kind: fc.constantFrom("reject" as const, "fence" as const) }),
);

async function take(world: Reembedded, one: Step): Promise<void> {
  switch (one.kind) {
    case "upsert":
      await world.writer.upsert(`doc-${one.id}`, one.chunks);
      return;
    case "delete":
      await world.writer.delete(`doc-${one.id}`);
      return;
    case "reject":
      await world.writer.reject(null);
      return;
    case "fence":
      if (world.writer.last > 0) await world.writer.fence();
      return;
    case "merge":
      await runMerge(world.ports);
      return;
    case "turn":
      await turn(world);
      return;
    case "two turns":
      // An attempt that was given up, and the next one.
      await Promise.all([turn(world), turn(world)]);
      return;
  }
}

describe("a generation that is built", () => {
  it("has the documents of the other one, in any order of changes, merges and cut-off attempts (GS1, GD1, GD3)", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 12 }),
        fc.array(step, { maxLength: 16 }),
        async (before, during) => {
          const world = setUp();
          for (const one of before) {
            if (one.kind !== "turn" && one.kind !== "two turns") await take(world, one);
          }
          await beginGeneration(world.reembed, { tenant: acme, model: "other" });
          for (const one of during) await take(world, one);
          await feedIt(world);
          expect(await documentsOf(world, second)).toEqual(await documentsOf(world, acme));
          const { generations } = await world.log.generations.get(acme);
          expect(generations).toMatchObject({ state: "fed", other: { model: "other" } });
          const [last, made] = [
            await world.log.chunks.last(acme),
            await world.log.chunks.last(second),
          ];
          if (made !== null) expect(made.version).toBeLessThanOrEqual(last?.version ?? 0);
        },
      ),
      { numRuns: runs(60) },
    );
  });

  it("keeps the order of versions and has vectors of the new model alone", async () => {
    const world = setUp();
    for (let count = 0; count < 40; count += 1) await world.writer.upsert(`doc-${count}`, 5);
    await runMerge(world.ports);
    for (let count = 0; count < 4; count += 1) await world.writer.upsert(`doc-${count}`, 2);
    await beginGeneration(world.reembed, { tenant: acme, model: "other" });
    await feedIt(world);
    const to = (await world.log.chunks.last(second))?.position ?? (0 as Position);
    let version = 0;
    for await (const record of world.log.chunks.read({
      tenant: second,
      after: 0 as Position,
      to,
    })) {
      expect(record.version).toBeGreaterThan(version);
      version = record.version;
      if (record.kind !== "upsert") continue;
      expect(record.body.model).toBe("new");
      expect(record.body.chunks.every(({ vector }) => vector.length === 4)).toBe(true);
    }
    expect(world.merges).toContain(second);
  });

  it("does more than a page in a turn, however long cold takes to be read", async () => {
    const clock = createManualClock();
    const world = setUp(clock);
    for (let count = 0; count < 40; count += 1) await world.writer.upsert(`doc-${count}`, 5);
    await runMerge(world.ports);
    await beginGeneration(world.reembed, { tenant: acme, model: "other" });
    const walk = world.cold.walk.bind(world.cold);
    vi.spyOn(world.cold, "walk").mockImplementation(async (...asked) => {
      await clock.advance(2 * limits.reembedTurnMs);
      return walk(...asked);
    });
    const ports = { ...world.reembed, turnMs: limits.reembedTurnMs };
    const unpaced = { ...build, textsPerS: Number.POSITIVE_INFINITY };
    const { kind, texts } = await buildGeneration(ports, unpaced);
    expect([kind, texts]).toEqual(["caught-up", 200]);
  });

  it("goes on where later merges are never confirmed for long, and not before its own is (GS2)", async () => {
    const world = setUp();
    await world.writer.upsert("a");
    await runMerge(world.ports);
    await beginGeneration(world.reembed, { tenant: acme, model: "other" });
    const from = (await world.log.manifests.get(acme))?.manifest.to ?? (0 as Position);
    await world.writer.upsert("b");
    await runMerge(world.ports);
    const confirm = async (confirmed: number): Promise<void> => {
      const stored = await world.log.manifests.get(acme);
      if (stored === null) throw new Error("no manifest");
      const manifest = { ...stored.manifest, confirmed: confirmed as Position };
      await world.log.manifests.commit(acme, manifest, stored.revision);
    };
    await confirm(from - 1);
    expect(await turn(world)).toBe("cold_unavailable");
    await confirm(from);
    await feedIt(world);
    expect(await documentsOf(world, second)).toEqual(await documentsOf(world, acme));
  });

  it("waits for a merge that is not confirmed: what cold lost is not taken for what was never there (GS2)", async () => {
    const world = setUp();
    await world.writer.upsert("a");
    await runMerge(world.ports);
    await world.cold.eraseTenant(acme);
    await beginGeneration(world.reembed, { tenant: acme, model: "other" });
    expect(await turn(world)).toBe("cold_unavailable");
  });

  it("is over when it was given up, and when its owner has fenced it (GD2)", async () => {
    const world = setUp();
    await world.writer.upsert("a");
    await beginGeneration(world.reembed, { tenant: acme, model: "other" });
    await toTheEnd(world);
    const last = await world.log.chunks.last(second);
    const fence = { kind: "fence", tenant: second, epoch: 3 as Epoch } as const;
    const version = (last?.version ?? 0) as Version;
    await world.log.chunks.append({ ...fence, version }, last?.position ?? (0 as Position));
    await world.writer.upsert("b");
    expect(await turn(world)).toBe("over");
    await changeGenerations(world.log.generations, acme, abandon);
    expect(await turn(world)).toBe("over");
  });

  it("says that it cannot go on when the log has let go of records that it lacks", async () => {
    const clock = createManualClock();
    const world = setUp(clock);
    await world.writer.upsert("a");
    await beginGeneration(world.reembed, { tenant: acme, model: "other" });
    await world.writer.upsert("a");
    await world.writer.upsert("b");
    await runMerge(world.ports);
    await clock.advance(1_000);
    await purgeOld(world.ports, { after: null }, 10);
    expect(await turn(world)).toBe("over");
  });

  it("keeps what it lacks in DOCS once it has joined, and not before", async () => {
    const clock = createManualClock();
    const world = setUp(clock);
    const payload = new TextEncoder().encode("{}");
    for (let count = 0; count < 3; count += 1) {
      await world.log.docs.publish({ tenant: acme, payload });
    }
    const base = (await world.log.docs.lastVersion(acme)) - 3;
    const put = async (name: TenantId, version: number): Promise<void> => {
      const last = await world.log.chunks.last(name);
      const record = { kind: "fence", tenant: name, epoch: 1 as Epoch } as const;
      const at = last?.position ?? (0 as Position);
      await world.log.chunks.append({ ...record, version: version as Version }, at);
    };
    await put(acme, base + 3);
    await beginGeneration(world.reembed, { tenant: acme, model: "other" });
    await joinGeneration(world.reembed, build);
    await put(second, base + 2);
    await clock.advance(1_000);
    await purgeOld(world.ports, { after: null }, 10);
    const next = await world.log.docs.nextVersion({ tenant: acme, after: 0 as Version });
    expect(next).toBe(base + 2);
  });
});

describe("a generation that is given up", () => {
  it("is removed from every store, behind a tombstone, and its tenant keeps the other one (GR1)", async () => {
    const clock = createManualClock();
    const world = setUp(clock);
    await world.writer.upsert("a", 2);
    await runMerge(world.ports);
    await beginGeneration(world.reembed, { tenant: acme, model: "other" });
    await toTheEnd(world);
    await runMerge(world.ports, second);
    expect(await world.cold.hasTenant(second)).toBe(true);
    const before = await documentsOf(world, acme);
    await changeGenerations(world.log.generations, acme, abandon);
    const { log, cold } = world;
    const late = cold.objects(second);
    expect(await removeReleased(world.reembed)).toBe(0);
    expect(await cold.hasTenant(second)).toBe(false);
    // A request of a merge that was under way (GR2).
    await cold.upsert(second, late);
    await clock.advance(limits.mergeConfirmMs);
    expect(await removeReleased(world.reembed)).toBe(1);
    expect(await cold.hasTenant(second)).toBe(false);
    expect(await log.manifests.get(second)).toBeNull();
    expect((await log.chunks.last(second))?.reason).toBe("tenant_erased");
    expect(await log.erasure.count({ tenant: second, of: "records" })).toBe(1);
    expect((await log.generations.get(acme)).generations.released).toEqual([]);
    // A merge of it does nothing, and the tenant's own does.
    expect(await runMerge(world.ports, second)).toMatchObject({ kind: "nothing" });
    expect(await documentsOf(world, acme)).toEqual(before);
    expect(await removeReleased(world.reembed)).toBe(0);
    const next = await beginGeneration(world.reembed, { tenant: acme, model: "other" });
    expect(next.number).toBe(3);
  });

  it("is struck from the record as soon as merges of this installation have ended (GR2)", async () => {
    const clock = createManualClock();
    const world = setUp(clock);
    await world.writer.upsert("a", 1);
    await runMerge(world.ports);
    await beginGeneration(world.reembed, { tenant: acme, model: "other" });
    await changeGenerations(world.log.generations, acme, abandon);
    const ports = { ...world.reembed, confirmMs: 2 * limits.mergeConfirmMs };
    expect(await removeReleased(ports)).toBe(0);
    await clock.advance(limits.mergeConfirmMs);
    expect(await removeReleased(ports)).toBe(0);
    await clock.advance(limits.mergeConfirmMs);
    expect(await removeReleased(ports)).toBe(1);
  });
});

it("begins once, however often the step is repeated, and not for a tenant that has another", async () => {
  const world = setUp();
  await world.writer.upsert("a");
  const request = { tenant: acme, model: "other" };
  expect(await beginGeneration(world.reembed, request)).toEqual({ number: 2 });
  expect(await beginGeneration(world.reembed, request)).toEqual({ number: 2 });
  // Also once it has joined: its workflow may have been terminated then.
  await joinGeneration(world.reembed, build);
  expect(await beginGeneration(world.reembed, request)).toEqual({ number: 2 });
  await feedIt(world);
  const another = beginGeneration(world.reembed, { tenant: acme, model: "third" });
  await expect(another).rejects.toMatchObject({ code: "invalid_request" });
  const { generations }: { generations: TenantGenerations } = await world.log.generations.get(acme);
  expect(generations.next).toBe(3);
});

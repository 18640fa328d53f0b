/**
 * Attempts that Temporal gave up on and that continue later, with the real activities: whatever
 * they had read, and whatever they do with it, takes nothing away from what a later attempt wrote,
 * verified and committed (I1, I5).
 */
import { describe, expect, it } from "vitest";
import type { MergePorts } from "../../activities/context.ts";
import { createMergeActivities } from "../../activities/steps.ts";
import type { Position, Version } from "../../src/contract/ids.ts";
import { confirmedTo, emptyManifest } from "../../src/contract/manifest.ts";
import type { PlannedMerge } from "../../src/contract/merge.ts";
import { changeLife } from "../../src/log/lives.ts";
import { runRound, workflowId } from "./run-merge.ts";
import { acme, coldState, createWorld, type World, writeStory } from "./world.ts";

/** A worker that stands still between what it reads of cold and what it does to it. */
function pausedWorker({ ports, cold }: World) {
  const { promise: woken, resolve: wake } = Promise.withResolvers<void>();
  const reads = ["versions", "staleIds", "walk", "readMarker"];
  const slow = new Proxy(cold, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== "function" || reads.includes(String(key))) return value;
      return async (...args: unknown[]): Promise<unknown> => {
        await woken;
        return value.apply(target, args);
      };
    },
  });
  return { ports: { ...ports, cold: slow } satisfies MergePorts, wake };
}

async function planOf(world: World): Promise<PlannedMerge> {
  const plan = await createMergeActivities(world.ports).planMerge({ tenant: acme });
  if (plan.kind !== "merge") throw new Error("nothing was planned");
  return plan;
}

/** What kill -9 of Weaviate does: acknowledged, and gone. */
function loseAll({ cold }: World): void {
  cold.drop(
    acme,
    cold.objects(acme).map(({ id }) => id),
  );
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

describe("a late attempt", () => {
  it("of a verification takes nothing away that a newer one wrote, verified and committed", async () => {
    const world = createWorld();
    await writeStory(world.writer);
    const plan = await planOf(world);
    const range = { tenant: acme, from: plan.from, to: plan.to };
    const next = createMergeActivities(world.ports);
    await next.writeRange({ ...range, after: plan.from });
    const whole = coldState(world.cold);
    loseAll(world);
    const late = pausedWorker(world);
    const zombie = createMergeActivities(late.ports).verifyRange(range);
    await settled();
    const { rewriteAfter } = await next.verifyRange(range);
    if (rewriteAfter === null) throw new Error("nothing was missed");
    await next.writeRange({ ...range, after: rewriteAfter });
    expect(await next.verifyRange(range)).toMatchObject({ missing: 0 });
    expect(await next.commitMerge({ ...plan, workflowId })).toMatchObject({ kind: "committed" });
    late.wake();
    await zombie;
    expect(coldState(world.cold)).toEqual(whole);
  });

  it("of a scrub takes nothing away that a newer one repaired", async () => {
    const world = createWorld();
    await writeStory(world.writer);
    await runRound(world.ports);
    const whole = coldState(world.cold);
    const steps = createMergeActivities(world.ports);
    const plan = await steps.planScrub({ tenant: acme });
    if (plan.kind !== "scrub") throw new Error("nothing to scrub");
    loseAll(world);
    const window = { tenant: acme, after: plan.from, to: plan.to, settleMs: 0 };
    const late = pausedWorker(world);
    const deleted = new Set<string>();
    const noticing = { ...late.ports, cold: noteDeletes(late.ports.cold, deleted) };
    const zombie = createMergeActivities(noticing).scrubLog(window);
    await settled();
    expect(await steps.scrubLog(window)).toMatchObject({ repaired: whole.length });
    late.wake();
    await zombie;
    // Between a delete and the write after it, a reader would miss a document that is merged.
    expect([...deleted]).toEqual([]);
    expect(coldState(world.cold)).toEqual(whole);
  });
});

describe("an attempt that has heard of its end", () => {
  it("deletes nothing any more, whatever it had read before", async () => {
    const world = createWorld();
    await writeStory(world.writer);
    await runRound(world.ports);
    const before = coldState(world.cold);
    const [object] = world.cold.objects(acme);
    if (object === undefined) throw new Error("nothing was merged");
    world.cold.resurrect(acme, [{ ...object, id: "00000000-0000-4000-8000-000000000000" }]);
    const controller = new AbortController();
    const cancelled = new Proxy(world.cold, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (key !== "walk" || typeof value !== "function") return value;
        return async (...args: unknown[]): Promise<unknown> => {
          const page: unknown = await value.apply(target, args);
          controller.abort(new Error("cancelled"));
          return page;
        };
      },
    });
    const ports = { ...world.ports, cold: cancelled, signal: () => controller.signal };
    const request = {
      tenant: acme,
      after: null,
      settledVersion: 99 as Version,
      heldFrom: 1 as Version,
    };
    await expect(createMergeActivities(ports).scrubCold(request)).rejects.toThrow("cancelled");
    expect(world.cold.objects(acme)).toHaveLength(before.length + 1);
  });
});

describe("a confirmation", () => {
  const committed = async (): Promise<{ readonly world: World; readonly to: Position }> => {
    const world = createWorld();
    await writeStory(world.writer);
    const round = await runRound(world.ports);
    if (round.kind !== "merged") throw new Error("nothing was merged");
    return { world, to: round.plan.to };
  };
  const confirmedOf = async ({ log }: World): Promise<Position> => {
    const stored = await log.manifests.get(acme);
    return confirmedTo(stored?.manifest ?? emptyManifest);
  };

  it("moves over what it found whole, once, and not a record further", async () => {
    const { world, to } = await committed();
    expect(await confirmedOf(world)).toBe(0);
    await world.writer.upsert("late");
    const steps = createMergeActivities(world.ports);
    expect(await steps.planMerge({ tenant: acme, upTo: to })).toEqual({
      ...{ kind: "nothing", unconfirmedTo: to, deployment: world.ports.log.deployment },
    });
    expect(await steps.confirmMerge({ tenant: acme, to })).toEqual({ through: to, repaired: 0 });
    expect(await confirmedOf(world)).toBe(to);
    expect(await steps.confirmMerge({ tenant: acme, to })).toEqual({ through: to, repaired: 0 });
    expect(await steps.planMerge({ tenant: acme, upTo: to })).toEqual({ kind: "nothing" });
  });

  it.each(["hide", "drop"] as const)(
    "repairs what cold lost after its acknowledgement (%s), and moves at the next look only (CF1, CF2)",
    async (how) => {
      const { world, to } = await committed();
      const whole = coldState(world.cold);
      const lost = world.cold.objects(acme).filter((_object, index) => index % 2 === 0);
      world.cold[how](
        acme,
        lost.map(({ id }) => id),
      );
      const steps = createMergeActivities(world.ports);
      expect(await steps.confirmMerge({ tenant: acme, to })).toMatchObject({
        repaired: lost.length,
      });
      expect(await confirmedOf(world)).toBe(0);
      expect(world.cold.findable(acme)).toHaveLength(whole.length);
      expect(coldState(world.cold)).toEqual(whole);
      expect(await steps.confirmMerge({ tenant: acme, to })).toEqual({ through: to, repaired: 0 });
      expect(await confirmedOf(world)).toBe(to);
    },
  );

  it("asks nothing of cold for what a later merge has superseded or deleted", async () => {
    const { world } = await committed();
    await world.writer.delete("alpha");
    await world.writer.upsert("beta", 1);
    await runRound(world.ports);
    const old = world.cold.objects(acme).filter(({ version }) => version <= 5);
    world.cold.drop(
      acme,
      old.map(({ id }) => id),
    );
    const to = world.writer.last;
    const { confirmMerge } = createMergeActivities(world.ports);
    expect(await confirmMerge({ tenant: acme, to })).toEqual({ through: to, repaired: 0 });
  });

  it("that is late moves nothing back when a later merge was committed and confirmed", async () => {
    const { world, to } = await committed();
    await world.writer.upsert("zeta");
    await runRound(world.ports);
    const steps = createMergeActivities(world.ports);
    const last = world.writer.last;
    await steps.confirmMerge({ tenant: acme, to: last });
    expect(await steps.confirmMerge({ tenant: acme, to })).toEqual({ through: last, repaired: 0 });
    expect(await confirmedOf(world)).toBe(last);
  });

  it("of what lies above the watermark, in a log that this one replaced, ends with the watermark (CF4)", async () => {
    const { world, to } = await committed();
    const { confirmMerge } = createMergeActivities(world.ports);
    const other = (to + 1_000) as Position;
    for (let look = 0; look < 2; look += 1) {
      expect(await confirmMerge({ tenant: acme, to: other })).toEqual({
        ...{ through: other, repaired: 0 },
      });
      expect(await confirmedOf(world)).toBe(to);
    }
    const empty = createMergeActivities(createWorld().ports);
    expect(await empty.confirmMerge({ tenant: acme, to })).toEqual({ through: to, repaired: 0 });
  });

  it("of a tenant that was erased meanwhile has nothing to do, and is not owed for ever", async () => {
    const { world, to } = await committed();
    await changeLife(world.log.lives, acme, () => ({ state: "erasing", atMs: 1 }));
    const { confirmMerge } = createMergeActivities(world.ports);
    expect(await confirmMerge({ tenant: acme, to })).toEqual({ through: to, repaired: 0 });
    expect(await confirmedOf(world)).toBe(0);
  });
});

function noteDeletes(cold: MergePorts["cold"], deleted: Set<string>): MergePorts["cold"] {
  return new Proxy(cold, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (key !== "deleteIds") return value;
      return (tenant: typeof acme, ids: readonly string[]): Promise<void> => {
        for (const id of ids) deleted.add(id);
        return target.deleteIds(tenant, ids);
      };
    },
  });
}

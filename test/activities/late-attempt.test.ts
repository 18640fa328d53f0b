/**
 * Attempts that Temporal gave up on and that go on later, with the real activities: whatever they had read, and
 * whatever they do with it, takes nothing away from what a later attempt wrote, verified and committed (I1, I5).
 */
import { describe, expect, it } from "vitest";
import type { MergePorts } from "../../activities/context.ts";
import { createMergeActivities } from "../../activities/merge.ts";
import type { PlannedMerge } from "../../src/contract/merge.ts";
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
    // Between a delete and the write behind it, a reader would miss a document that is merged.
    expect([...deleted]).toEqual([]);
    expect(coldState(world.cold)).toEqual(whole);
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

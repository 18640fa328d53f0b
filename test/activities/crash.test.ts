/**
 * Kills a merge at every call that it makes to log or cold, right before and right after the call's
 * effect, and lets a new attempt continue with nothing but what is stored. The outcome must be that
 * of a run that was not disturbed.
 */
import { describe, expect, it } from "vitest";
import type { MergePorts } from "../../activities/context.ts";
import { createMergeActivities } from "../../activities/steps.ts";
import { runMerge } from "./run-merge.ts";
import { acme, coldState, createWorld, type World, writeSequel, writeStory } from "./world.ts";

class Killed extends Error {}

type Moment = "before" | "after";

/** Ports that count their calls and die at one of them. */
function dyingPorts(world: World, dieAt: number, moment: Moment) {
  let calls = 0;
  let dead = false;
  function wrap<T extends object>(target: T): T {
    return new Proxy(target, {
      get(object, key) {
        const value: unknown = Reflect.get(object, key, object);
        if (typeof value === "object" && value !== null) return wrap(value);
        if (typeof value !== "function") return value;
        return (...args: unknown[]): unknown => {
          if (dead) throw new Killed();
          calls += 1;
          const dies = calls === dieAt;
          if (dies && moment === "before") {
            dead = true;
            throw new Killed();
          }
          const result: unknown = value.apply(object, args);
          if (!dies || !(result instanceof Promise)) return result;
          return result.then(() => {
            dead = true;
            throw new Killed();
          });
        };
      },
    });
  }
  const { log, cold } = world;
  const ports: MergePorts = { ...world.ports, log: wrap(log), cold: wrap(cold) };
  return { ports, calls: () => calls, died: () => dead };
}

async function storedState({ log, cold }: World) {
  const stored = await log.manifests.get(acme);
  const digests = stored?.manifest.pieces.map(({ digest }) => digest) ?? [];
  const pieces = await Promise.all(digests.map((digest) => log.manifests.getPiece(acme, digest)));
  return {
    manifest: stored?.manifest,
    pieces: pieces.map((bytes) => Buffer.from(bytes).toString("hex")),
    marker: await cold.readMarker(acme),
    deadLetters: (await log.deadLetters.list(acme, 100)).map(({ version, reason }) => ({
      version,
      reason,
    })),
    cold: coldState(cold),
  };
}

/**
 * A world in which the second of two merges is due: replaced, shrunk, deleted, rejected, returned.
 */
async function preparedWorld(): Promise<World> {
  const world = createWorld();
  await writeStory(world.writer);
  await runMerge(world.ports);
  await writeSequel(world.writer);
  return world;
}

/**
 * What a restarted workflow does: a merge; and the confirmation and cleaning that the killed one
 * still owed.
 */
async function runAgain(world: World): Promise<void> {
  const activities = createMergeActivities(world.ports);
  const plan = await activities.planMerge({ tenant: acme });
  const to = (await world.log.chunks.last(acme))?.position ?? (0 as never);
  if (plan.kind === "merge") await runMerge(world.ports);
  const range = { tenant: acme, from: 0 as never, to };
  await activities.confirmMerge({ tenant: acme, to });
  // Temporal repeats the activity that was killed, with the input that it had.
  await activities.cleanSuperseded({ ...range, piecesBefore: ["swept"], settleMs: 0 });
}

describe("a merge that is killed", () => {
  it("at any call, before or after its effect, ends as if it had not been (I1, I7)", async () => {
    const undisturbed = await preparedWorld();
    const counting = dyingPorts(undisturbed, 0, "before");
    await runMerge(counting.ports);
    const expected = await storedState(undisturbed);
    expect(counting.calls()).toBeGreaterThan(20);
    for (const moment of ["before", "after"] as const) {
      for (let dieAt = 1; dieAt <= counting.calls(); dieAt += 1) {
        const world = await preparedWorld();
        const dying = dyingPorts(world, dieAt, moment);
        await runMerge(dying.ports).catch((error: unknown) => {
          if (!(error instanceof Killed)) throw error;
        });
        await runAgain(world);
        expect(await storedState(world), `${moment} call ${dieAt}`).toEqual(expected);
      }
    }
  });

  it("shows a reader at every moment a manifest whose pieces and marker are there (I5)", async () => {
    const probe = await preparedWorld();
    const counting = dyingPorts(probe, 0, "before");
    await runMerge(counting.ports);
    for (let dieAt = 1; dieAt <= counting.calls(); dieAt += 1) {
      const world = await preparedWorld();
      await runMerge(dyingPorts(world, dieAt, "after").ports).catch(() => {});
      const { manifest, pieces, marker } = await storedState(world);
      expect(pieces).toHaveLength(manifest?.pieces.length ?? -1);
      expect(marker?.to).toBeGreaterThanOrEqual(manifest?.to ?? Number.NaN);
    }
  });
});

describe("each step of a merge", () => {
  it("run twice is the step run once", async () => {
    const once = await preparedWorld();
    await runMerge(once.ports);
    const twice = await preparedWorld();
    const activities = createMergeActivities(twice.ports);
    const doubled = Object.fromEntries(
      Object.entries(activities).map(([name, step]) => [
        name,
        async (request: never) => {
          await (step as (request: never) => Promise<unknown>)(request);
          return (step as (request: never) => Promise<unknown>)(request);
        },
      ]),
    ) as unknown as typeof activities;
    const plan = await doubled.planMerge({ tenant: acme });
    if (plan.kind !== "merge") throw new Error("nothing was planned");
    const { from, to, piecesBefore, piecesThrough: through } = plan;
    await doubled.writeRange({ tenant: acme, from, to, after: from });
    expect(await doubled.verifyRange({ tenant: acme, from, to })).toMatchObject({ missing: 0 });
    await doubled.commitMerge({ ...plan, workflowId: "merge/acme" });
    await doubled.confirmMerge({ tenant: acme, to });
    await doubled.cleanSuperseded({ tenant: acme, from, to, piecesBefore, settleMs: 0 });
    await doubled.sweepHeads({ tenant: acme, through });
    expect(await storedState(twice)).toEqual(await storedState(once));
  });
});

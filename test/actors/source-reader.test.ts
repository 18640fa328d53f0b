import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { eventually } from "../support/promises.ts";
import { runs } from "../support/runs.ts";
import { passing, sourceWorld } from "./source-kit.ts";

type World = ReturnType<typeof sourceWorld>;

const settled = (world: World) =>
  eventually(async () => {
    expect(await world.streams.progress(world.source)).toMatchObject({ lag: 0 });
  });

/** The last text of each document, as a reader of DOCS in order sees it. */
const last = (operations: readonly (readonly [string, string])[]) => Object.fromEntries(operations);

describe("the reader of a source", () => {
  it("publishes what events become, in their order, and acknowledges them", async () => {
    const world = sourceWorld();
    world.emit({ id: "a", v: 1 });
    world.emit("skip");
    world.emit({
      many: [
        { id: "b", v: 1 },
        { id: "a", v: 2 },
      ],
    });
    const stop = world.start();
    await settled(world);
    world.emit({ id: "b" });
    await settled(world);
    await stop();
    const operations = await world.operations();
    expect(operations).toHaveLength(4);
    expect(last(operations)).toEqual({ a: "2", b: "deleted" });
    expect((await world.store.state(world.source))?.counts).toEqual({
      ...{ operations: 4, mapped: 3, skipped: 1, failed: 0 },
      skippedByReason: { asked: 1 },
    });
  });

  it("tells what it has done while nothing else comes", async () => {
    const world = sourceWorld();
    for (const v of [1, 2, 3]) world.emit({ id: "a", v });
    world.emit("skip");
    const stop = world.start();
    await settled(world);
    await eventually(async () => {
      expect((await world.store.state(world.source))?.counts).toMatchObject({
        ...{ operations: 3, mapped: 3, skipped: 1 },
      });
    });
    await stop();
  });

  it("makes a dead letter of an event that cannot be mapped, and goes on (ER3)", async () => {
    const world = sourceWorld();
    world.emit({ id: "a", v: 1 });
    world.emit({ id: "" });
    world.emit({ id: "b", v: 1 });
    const stop = world.start();
    await settled(world);
    await stop();
    expect(last(await world.operations())).toEqual({ a: "1", b: "1" });
    const letters = await world.store.letters(world.source, 10);
    expect(letters).toMatchObject([{ sequence: 2, subject: "in.a", tenant: "acme" }]);
    expect((await world.store.state(world.source))?.counts).toMatchObject({ failed: 1 });
  });

  it("waits for what passes, and no retry overtakes an operation of its document (SP1, SP3)", async () => {
    const world = sourceWorld();
    let refusals = 3;
    world.before = ({ payload }) => {
      if (!payload.includes(`"1"`) || refusals === 0) return;
      refusals -= 1;
      throw passing();
    };
    for (let v = 1; v <= 4; v += 1) world.emit({ id: "a", v });
    world.emit({ id: "b", v: 9 });
    const stop = world.start();
    await settled(world);
    await stop();
    const operations = await world.operations();
    expect(operations.filter(([id]) => id === "a").map(([, text]) => text)).toEqual([
      ...["1", "2", "3", "4"],
    ]);
    expect(operations).toHaveLength(5);
  });

  it("publishes nothing twice after it was killed between DOCS and the acknowledgement (ER1)", async () => {
    const world = sourceWorld();
    for (let v = 1; v <= 20; v += 1) world.emit({ id: `d${v % 3}`, v });
    let published = 0;
    const alive = new AbortController();
    world.after = () => {
      published += 1;
      if (published < 12) return;
      alive.abort();
      world.isOwner = false;
    };
    const stop = world.start();
    await eventually(() => expect(alive.signal.aborted).toBe(true));
    world.streams.crash(world.source);
    await stop();
    const before = (await world.operations()).length;
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(20);
    world.isOwner = true;
    world.after = () => {};
    const stopAgain = world.start();
    await settled(world);
    await stopAgain();
    const operations = await world.operations();
    expect(operations).toHaveLength(20);
    expect(last(operations)).toEqual({ d0: "18", d1: "19", d2: "20" });
  });

  it("goes on where it was when its durable name is deleted, wherever it once began (NF5)", async () => {
    for (const start of ["all", "new"] as const) {
      const world = sourceWorld({ input: { kind: "stream", stream: "in", start } });
      world.emit({ id: "before", v: 1 });
      await world.streams.create(world.source);
      for (const v of [1, 2, 3]) {
        const stop = world.start();
        await settled(world);
        await stop();
        await world.streams.forget(world.source);
        world.emit({ id: "a", v });
        if (v === 2) world.emit({ id: "before" });
      }
      const stop = world.start();
      await settled(world);
      await stop();
      const own = [
        ["a", "1"],
        ["a", "2"],
        ["before", "deleted"],
        ["a", "3"],
      ];
      const all = start === "all" ? [["before", "1"], ...own] : own;
      expect(await world.operations(), start).toEqual(all);
    }
  });

  it("stops publishing when another node has the tenant (SP2)", async () => {
    const world = sourceWorld();
    world.before = () => {
      world.isOwner = false;
      throw passing();
    };
    for (let v = 1; v <= 5; v += 1) world.emit({ id: "a", v });
    const stop = world.start();
    await eventually(() => expect(world.isOwner).toBe(false));
    await stop();
    expect(await world.operations()).toEqual([]);
    expect(await world.streams.progress(world.source)).toMatchObject({ sequence: 0, lag: 5 });
  });

  it("sends nothing that waited for memory while another node took the tenant (SP2)", async () => {
    for (const isStopped of [false, true]) {
      const world = sourceWorld();
      world.isFull = true;
      for (let v = 1; v <= 5; v += 1) world.emit({ id: `d${v}`, v });
      const stop = world.start();
      await systemClock.sleep(20);
      // As a process finds it that was stopped for a while and continues.
      world.isOwner = false;
      const ended = isStopped ? stop() : Promise.resolve();
      world.isFull = false;
      await ended;
      await systemClock.sleep(20);
      await stop();
      expect(await world.operations()).toEqual([]);
      expect(await world.streams.progress(world.source)).toMatchObject({ sequence: 0, lag: 5 });
    }
  });

  it("leaves no event out when the tenant was away for a moment (ER2)", async () => {
    const world = sourceWorld();
    // It is away at the moment that the first events are taken.
    const asked = [true, true, false];
    const stop = world.start({ isOwner: () => asked.shift() ?? true });
    await systemClock.sleep(20);
    world.emit({ id: "a", v: 1 });
    await systemClock.sleep(20);
    world.emit({ id: "a", v: 2 });
    await settled(world);
    await stop();
    expect(await world.operations()).toEqual([
      ["a", "1"],
      ["a", "2"],
    ]);
  });

  it("leaves no durable name and no state of a source that was removed (ER5)", async () => {
    for (const isForgotten of [true, false]) {
      const world = sourceWorld();
      const stop = world.start();
      world.emit({ id: "a", v: 1 });
      await settled(world);
      await world.store.remove("one");
      // Who removes it may be killed before this.
      if (isForgotten) await world.streams.forget(world.source);
      world.emit({ id: "a", v: 2 });
      await systemClock.sleep(50);
      await stop();
      expect(await world.streams.progress(world.source)).toBeNull();
      expect(await world.store.state(world.source)).toBeNull();
    }
  });

  it("waits while its tenant has too much to apply (ER4)", async () => {
    const world = sourceWorld();
    world.visible = 0;
    const total = limits.sourceBehindMax + 3 * limits.sourceInHandMax;
    for (let v = 1; v <= total; v += 1) world.emit({ id: `d${v}`, v });
    const stop = world.start();
    const most = limits.sourceBehindMax + limits.sourceInHandMax;
    await eventually(async () =>
      expect((await world.operations()).length).toBeGreaterThan(limits.sourceBehindMax),
    );
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
    expect((await world.operations()).length).toBeLessThanOrEqual(most);
    world.visible = undefined;
    await settled(world);
    await stop();
    expect(await world.operations()).toHaveLength(total);
  });

  it("tells why it waits, until it advances again", async () => {
    const world = sourceWorld();
    world.before = () => {
      throw passing();
    };
    world.emit({ id: "a", v: 1 });
    const stop = world.start();
    await eventually(async () =>
      expect((await world.store.state(world.source))?.trouble).toContain("the log is full"),
    );
    world.before = () => {};
    await settled(world);
    await stop();
    expect((await world.store.state(world.source))?.trouble).toBeUndefined();
  });

  it("brings every event once and in the order of its document, however often it is killed (ER1, ER2)", async () => {
    const arbitrary = fc.record({
      documents: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 60 }),
      kills: fc.array(fc.record({ at: fc.nat(20), lost: fc.boolean() }), { maxLength: 4 }),
      refusals: fc.array(fc.boolean(), { maxLength: 20 }),
    });
    await fc.assert(
      fc.asyncProperty(arbitrary, async ({ documents, kills, refusals }) => {
        const world = sourceWorld();
        const expected = documents.map(
          (document, index) => [`d${document}`, String(index)] as const,
        );
        for (const [id, v] of expected) world.emit({ id, v });
        const refused = [...refusals];
        for (const { at, lost } of kills) {
          let left = at;
          const dies = (): void => {
            if (left <= 0) world.isOwner = false;
            left -= 1;
          };
          world.before = () => {
            if (!lost) dies();
            if (!world.isOwner || refused.shift() === true) throw passing();
          };
          world.after = () => {
            if (lost) dies();
          };
          const stop = world.start();
          await eventually(async () => {
            const progress = await world.streams.progress(world.source);
            if (world.isOwner) expect(progress).toMatchObject({ lag: 0 });
          });
          world.streams.crash(world.source);
          await stop();
          world.isOwner = true;
        }
        world.before = () => {};
        world.after = () => {};
        const stop = world.start();
        await settled(world);
        await stop();
        const operations = await world.operations();
        for (let document = 0; document <= 4; document += 1) {
          const of = (list: readonly (readonly [string, string])[]) =>
            list.filter(([id]) => id === `d${document}`);
          expect(of([...operations])).toEqual(of(expected));
        }
      }),
      { numRuns: runs(25) },
    );
  });
});

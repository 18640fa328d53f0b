import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairShares, type Share } from "../../src/runtime/fair-shares.ts";
import { runs } from "../support/runs.ts";

const never = new AbortController().signal;

/** Everything that one key may take, one by one. */
function fill(shares: FairShares, key: string): Share[] {
  const taken: Share[] = [];
  for (let next = shares.tryTake(key); next !== undefined; next = shares.tryTake(key)) {
    taken.push(next);
  }
  return taken;
}

async function granted(shares: FairShares, key: string, amount = 1): Promise<Share> {
  const share = await shares.take(key, { amount, signal: never });
  if (share === undefined || share === "refused") throw new Error(`${key} got nothing`);
  return share;
}

describe("what one key may take", () => {
  it("FS2: one that never gives back leaves half, the next a quarter, and a newcomer gets some", () => {
    const shares = new FairShares({ total: 64 });
    expect(fill(shares, "greedy")).toHaveLength(32);
    expect(fill(shares, "second")).toHaveLength(16);
    expect(fill(shares, "third")).toHaveLength(8);
    expect(shares.tryTake("quiet")).toBeDefined();
  });

  it("FS2: a key's own bound holds, however much is free; a larger first take is granted", () => {
    const shares = new FairShares({ total: 100, perKeyMax: 3 });
    expect(fill(shares, "one")).toHaveLength(3);
    expect(shares.tryTake("large", 50)).toBeDefined();
    expect(shares.tryTake("large", 1)).toBeUndefined();
  });

  it("FS1: a take above the total counts as the total, so that it is possible at all", async () => {
    const shares = new FairShares({ total: 10 });
    const share = await granted(shares, "one", 1_000);
    expect(shares.held).toBe(10);
    share.release();
    expect(shares.held).toBe(0);
  });

  it("FS5: a share is given back once, in parts or whole", () => {
    const shares = new FairShares({ total: 10 });
    const share = shares.tryTake("one", 5);
    const part = share?.split(1);
    share?.shrinkTo(1);
    share?.shrinkTo(3);
    expect(shares.heldBy("one")).toBe(2);
    part?.release();
    part?.release();
    expect(shares.heldBy("one")).toBe(1);
    share?.release();
    share?.release();
    expect([shares.held, shares.heldBy("one")]).toEqual([0, 0]);
  });
});

describe("waiting", () => {
  it("FS3: keys take turns: one question waits for one of the flood and not for all", async () => {
    const shares = new FairShares({ total: 2 });
    const order: string[] = [];
    const releases: Share[] = [];
    const ask = (key: string): Promise<void> =>
      granted(shares, key).then((share) => {
        order.push(key);
        releases.push(share);
      });
    const asked = ["flood", "flood", "flood", "flood", "flood", "quiet", "quiet"].map(ask);
    for (let round = 0; round < asked.length; round += 1) {
      await Promise.resolve();
      await Promise.resolve();
      await Promise.resolve();
      releases.shift()?.release();
    }
    await Promise.all(asked);
    expect(order.slice(0, 4)).toEqual(["flood", "quiet", "flood", "quiet"]);
  });

  it("FS4: a flood is refused while another key still finds a place in the queue", async () => {
    const shares = new FairShares({ total: 1, waitingMax: 8 });
    const first = await granted(shares, "flood");
    const leave = new AbortController();
    const waits = Array.from({ length: 8 }, () => shares.take("flood", { signal: leave.signal }));
    const refused = (await Promise.all(waits.slice(4))).filter((share) => share === "refused");
    expect(refused).toHaveLength(4);
    const quiet = granted(shares, "quiet");
    first.release();
    (await Promise.race([quiet, waits[0]])) as Share;
    leave.abort();
    for (const share of await Promise.all(waits)) if (typeof share === "object") share.release();
    (await quiet).release();
    expect([shares.held, shares.waiting]).toEqual([0, 0]);
  });

  it("lets so many run at once and the next as soon as one ends, also by a failure", async () => {
    const places = new FairShares({ total: 2 });
    const works = Array.from({ length: 4 }, () => Promise.withResolvers<number>());
    const begun: number[] = [];
    const runs = works.map(({ promise }, index) =>
      places.run(
        `key-${index}`,
        () => {
          begun.push(index);
          return promise;
        },
        never,
      ),
    );
    await Promise.resolve();
    expect(begun).toEqual([0, 1]);
    works[1]?.reject(new Error("broken"));
    await expect(runs[1]).rejects.toThrow("broken");
    await new Promise(setImmediate);
    expect(begun).toEqual([0, 1, 2]);
    works[0]?.resolve(7);
    expect(await runs[0]).toBe(7);
    await new Promise(setImmediate);
    expect(begun).toEqual([0, 1, 2, 3]);
  });

  it("frees its place when a waiter gives up", async () => {
    const places = new FairShares({ total: 1 });
    const first = Promise.withResolvers<void>();
    const running = places.run("one", () => first.promise, never);
    const leaving = new AbortController();
    const left = places.run("two", () => expect.fail("it had given up"), leaving.signal);
    leaving.abort();
    expect(await left).toBeUndefined();
    first.resolve();
    await running;
    expect(await places.run("two", async () => "next", never)).toBe("next");
  });
});

describe("whatever keys do", () => {
  const step = fc.record({
    key: fc.constantFrom("a", "b", "c", "d", "e"),
    amount: fc.integer({ min: 1, max: 12 }),
    act: fc.constantFrom("take", "take", "try", "release", "shrink", "leave"),
  });

  it("FS1 to FS5: never above the total, no share lost, and all are served when all give back", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const shares = new FairShares({ total: 24, perKeyMax: 16 });
        const held: Share[] = [];
        const waiting: { readonly leave: AbortController; readonly done: Promise<void> }[] = [];
        for (const { key, amount, act } of steps) {
          if (act === "take") {
            const leave = new AbortController();
            const done = shares.take(key, { amount, signal: leave.signal }).then((share) => {
              if (typeof share === "object") held.push(share);
            });
            waiting.push({ leave, done });
          } else if (act === "try") {
            const share = shares.tryTake(key, amount);
            if (share !== undefined) held.push(share);
          } else if (act === "release") held.shift()?.release();
          else if (act === "shrink") held.at(-1)?.shrinkTo(amount);
          else waiting.shift()?.leave.abort();
          expect(shares.held).toBeLessThanOrEqual(24);
          await Promise.resolve();
        }
        let settled = false;
        const all = Promise.all(waiting.map(({ done }) => done)).then(() => {
          settled = true;
        });
        for (let round = 0; round < 500 && !settled; round += 1) {
          for (const share of held.splice(0)) share.release();
          await new Promise(setImmediate);
        }
        await all;
        for (const share of held.splice(0)) share.release();
        expect([shares.held, shares.waiting]).toEqual([0, 0]);
      }),
      { numRuns: runs(200) },
    );
  });

  it("FS2: keys that take all they may and keep it always leave room for a newcomer", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 10 }),
        fc.integer({ min: 1, max: 1_024 }),
        (keys, perKeyMax) => {
          const shares = new FairShares({ total: 1_024, perKeyMax });
          for (let key = 0; key < keys; key += 1) fill(shares, `greedy-${key}`);
          expect(shares.tryTake("newcomer")).toBeDefined();
        },
      ),
    );
  });
});

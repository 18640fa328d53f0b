import { expect, it } from "vitest";
import { forEachAtMost } from "../../src/runtime/for-each.ts";

it("runs at most so many at once, and every item", async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  await forEachAtMost([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    running += 1;
    most = Math.max(most, running);
    for (let turn = 0; turn < item; turn += 1) await Promise.resolve();
    running -= 1;
    done.push(item);
  });
  expect(most).toBe(3);
  expect(done.toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

it("starts nothing after a failure, and throws it once what runs has ended", async () => {
  const started: number[] = [];
  const ended: number[] = [];
  const both = Promise.withResolvers<void>();
  const work = forEachAtMost([1, 2, 3, 4, 5], 2, async (item) => {
    started.push(item);
    if (item === 2) both.resolve();
    await both.promise;
    if (item === 1) throw new Error("the first");
    await Promise.resolve();
    ended.push(item);
  });
  await expect(work).rejects.toThrow("the first");
  expect(started).toEqual([1, 2]);
  expect(ended).toEqual([2]);
});

it("lets what runs end also when the items fail", async () => {
  const ended: number[] = [];
  async function* items(): AsyncGenerator<number> {
    yield* [1, 2];
    await Promise.resolve();
    throw new Error("no more");
  }
  const work = forEachAtMost(items(), 3, async (item) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    ended.push(item);
  });
  await expect(work).rejects.toThrow("no more");
  expect(ended).toEqual([1, 2]);
});

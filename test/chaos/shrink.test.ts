import fc from "fast-check";
import { expect, it } from "vitest";
import { shrink } from "./shrink.ts";

const hasBoth = (one: number, other: number) => async (items: readonly number[]) =>
  items.includes(one) && items.includes(other);

it("finds the two faults that fail together, whichever they are", async () => {
  const pairs = fc.tuple(fc.integer({ min: 0, max: 19 }), fc.integer({ min: 0, max: 19 }));
  await fc.assert(
    fc.asyncProperty(pairs, async ([one, other]) => {
      const items = Array.from({ length: 20 }, (_, index) => index);
      const { items: left } = await shrink(items, 1_000, hasBoth(one, other));
      expect([...left].sort()).toEqual([...new Set([one, other])].sort());
    }),
  );
});

it("stops after its attempts, with a list that is known to fail", async () => {
  const items = Array.from({ length: 64 }, (_, index) => index);
  const { items: left, attempts } = await shrink(items, 3, hasBoth(1, 2));
  expect(attempts).toBe(3);
  expect(left).toContain(1);
  expect(left).toContain(2);
  expect(left.length).toBeLessThan(64);
});

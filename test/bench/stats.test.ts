import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { median, ndcg, percentile, ratioOf, recall, rocAuc } from "./stats.ts";

const numbers = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 });

describe("a percentile", () => {
  it("is the smallest value that reaches its share of the values", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(percentile(hundred, 0.5)).toBe(50);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile(hundred, 1)).toBe(100);
    expect(percentile([7], 0.99)).toBe(7);
  });

  it("is one of the values and grows with its share", () => {
    fc.assert(
      fc.property(numbers, fc.double({ min: 0, max: 1, noNaN: true }), (values, share) => {
        const value = percentile(values, share);
        expect(values).toContain(value);
        expect(percentile(values, 1)).toBeGreaterThanOrEqual(value);
      }),
    );
  });

  it("leaves the order of its values alone", () => {
    const values = [3, 1, 2];
    percentile(values, 0.5);
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe("a median", () => {
  it("is the middle value, or the mean of the two middle ones", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it("is not moved by one outlier", () => {
    expect(median([1, 2, 3, 4, 1e9])).toBe(3);
  });
});

describe("recall", () => {
  it("is the share of the expected that was found", () => {
    expect(recall([1, 2, 9], [1, 2, 3, 4])).toBe(0.5);
    expect(recall([], [])).toBe(1);
  });
});

describe("nDCG", () => {
  const gains = new Map([
    ["a", 3],
    ["b", 1],
  ]);

  it("is 1 for the best order and 0 when nothing relevant is found", () => {
    expect(ndcg({ ranking: ["a", "b", "c"], gains, k: 10 })).toBe(1);
    expect(ndcg({ ranking: ["c", "d"], gains, k: 10 })).toBe(0);
  });

  it("discounts by the rank, with linear gains", () => {
    const best = 3 + 1 / Math.log2(3);
    const swapped = 1 + 3 / Math.log2(3);
    expect(ndcg({ ranking: ["b", "a"], gains, k: 10 })).toBeCloseTo(swapped / best, 12);
  });

  it("sees only the first k, of the ranking and of the best order", () => {
    expect(ndcg({ ranking: ["c", "a"], gains, k: 1 })).toBe(0);
    expect(ndcg({ ranking: ["a"], gains, k: 1 })).toBe(1);
  });
});

describe("a ratio", () => {
  it("is the value over its reference, and none without one", () => {
    expect(ratioOf(3, 2)).toBe(1.5);
    expect(ratioOf(3, null)).toBeNull();
    expect(ratioOf(3, 0)).toBeNull();
  });
});

describe("rocAuc", () => {
  it("is 1 where every yes is above every no, 0.5 where nothing tells them apart", () => {
    expect(rocAuc([3, 4], [1, 2])).toBe(1);
    expect(rocAuc([1, 2], [3, 4])).toBe(0);
    expect(rocAuc([1, 1], [1, 1])).toBe(0.5);
    expect(rocAuc([1, 3], [2, 2])).toBe(0.5);
  });

  it("counts pairs, ties by half", () => {
    const [yes, no] = [
      [0.1, 0.5, 0.5, 0.9],
      [0.2, 0.5, 0.8],
    ];
    const pairs = yes.flatMap((left) =>
      no.map((right) => (left > right ? 1 : left === right ? 0.5 : 0)),
    );
    const expected = pairs.reduce<number>((sum, each) => sum + each, 0) / pairs.length;
    expect(rocAuc(yes, no)).toBeCloseTo(expected, 12);
  });
});

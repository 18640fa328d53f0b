import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toFloat16 } from "../../ops/model/float16.ts";

/**
 * The step between neighbouring float16 at a magnitude: 10 bits below its power of two, 2^-24 at
 * the least.
 */
const stepAt = (value: number): number => {
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  return 2 ** Math.max(exponent - 10, -24);
};

describe("weights in float16", () => {
  it("are off by at most half a step", () => {
    const weights = fc.float({ min: -60_000, max: 60_000, noNaN: true });
    fc.assert(
      fc.property(weights, (weight) => {
        const [rounded = Number.NaN] = toFloat16("weight", Float32Array.of(weight));
        const step = weight === 0 ? 0 : stepAt(weight);
        expect(Math.abs(rounded - weight)).toBeLessThanOrEqual(step / 2);
      }),
    );
  });

  it("are even where two are equally near, and keep subnormals", () => {
    const halfway = [2049, 2051, -2049, 2 ** -25, 3 * 2 ** -25, 2 ** -24];
    const rounded = toFloat16("weight", Float32Array.from(halfway));
    expect([...rounded]).toEqual([2048, 2052, -2048, 0, 2 ** -23, 2 ** -24]);
  });

  it("are refused beyond the largest, with the value and the way out", () => {
    expect([...toFloat16("weight", Float32Array.of(65504, 65519))]).toEqual([65504, 65504]);
    for (const value of [65520, -1e6, Infinity, NaN]) {
      expect(() => toFloat16("bias", Float32Array.of(0, value))).toThrow(
        `a bias of ${value} is beyond float16 (65504): compile fp32 instead`,
      );
    }
  });
});

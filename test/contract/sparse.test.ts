import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isSparse,
  packSparse,
  sparseProduct,
  sparseStep,
  sparseUnion,
} from "../../src/contract/sparse.ts";
import { runs } from "../support/runs.ts";

const vocabulary = 400;

/** Weights of a vocabulary, a few of them above 0. */
const weightsArbitrary = fc
  .array(fc.tuple(fc.nat({ max: vocabulary - 1 }), fc.double({ min: 0, max: 5, noNaN: true })), {
    maxLength: 40,
  })
  .map((terms) => {
    const weights = new Float32Array(vocabulary);
    for (const [id, weight] of terms) weights[id] = weight;
    return weights;
  });

const stepsOf = (weight: number): number => Math.min(255, Math.round(weight / sparseStep));

describe("packSparse", () => {
  it("keeps every term that has a weight of half a step, where there is room (SPV2)", () => {
    fc.assert(
      fc.property(weightsArbitrary, (weights) => {
        const packed = packSparse(weights, vocabulary);
        const expected = [...weights.keys()].filter((id) => stepsOf(weights[id] as number) > 0);
        const count = packed.length / 3;
        const ids = Array.from(
          expected,
          (_, at) => (packed[2 * at] ?? 0) + 256 * (packed[2 * at + 1] ?? 0),
        );
        expect(count).toBe(expected.length);
        expect(ids).toEqual(expected);
        expect([...packed.subarray(2 * count)]).toEqual(
          expected.map((id) => stepsOf(weights[id] as number)),
        );
      }),
    );
  });

  it("keeps the heaviest terms, exactly as many as it may", () => {
    fc.assert(
      fc.property(weightsArbitrary, fc.integer({ min: 1, max: 20 }), (weights, termsMax) => {
        const packed = packSparse(weights, termsMax);
        const steps = Array.from(weights, stepsOf).filter((step) => step > 0);
        const heaviest = steps.toSorted((left, right) => right - left).slice(0, termsMax);
        const kept = [...packed.subarray((packed.length / 3) * 2)];
        expect(kept.toSorted((left, right) => right - left)).toEqual(heaviest);
        expect(isSparse(packed)).toBe(true);
      }),
    );
  });

  it("leaves out what is no number", () => {
    const weights = Float32Array.of(Number.NaN, 1, -2, Number.NEGATIVE_INFINITY);
    expect([...packSparse(weights, 9)]).toEqual([1, 0, 64]);
  });
});

describe("sparseProduct", () => {
  it("is the product of the weights in steps, to the last bit, either way round (SPV1)", () => {
    fc.assert(
      fc.property(weightsArbitrary, weightsArbitrary, (left, right) => {
        let steps = 0;
        for (let id = 0; id < vocabulary; id += 1) {
          steps += stepsOf(left[id] as number) * stepsOf(right[id] as number);
        }
        const [one, other] = [packSparse(left, vocabulary), packSparse(right, vocabulary)];
        expect(sparseProduct(one, other)).toBe(steps * sparseStep ** 2);
        expect(sparseProduct(other, one)).toBe(steps * sparseStep ** 2);
      }),
    );
  });
});

describe("sparseUnion", () => {
  it("has the largest weight of each term", () => {
    fc.assert(
      fc.property(fc.array(weightsArbitrary, { minLength: 1, maxLength: 3 }), (texts) => {
        const largest = new Float32Array(vocabulary);
        for (const weights of texts) {
          for (const [id, weight] of weights.entries()) {
            largest[id] = Math.max(largest[id] as number, weight);
          }
        }
        const union = sparseUnion(texts.map((weights) => packSparse(weights, vocabulary)));
        expect([...union]).toEqual([...packSparse(largest, vocabulary)]);
      }),
      { numRuns: runs(50) },
    );
  });
});

describe("isSparse", () => {
  it.each<[string, number[], boolean]>([
    ["nothing", [], true],
    ["one term", [5, 0, 9], true],
    ["ids that ascend", [5, 0, 4, 1, 9, 9], true],
    ["a part of a term", [5, 0], false],
    ["an id twice", [5, 0, 5, 0, 9, 9], false],
    ["ids that descend", [4, 1, 5, 0, 9, 9], false],
  ])("of %s is as expected", (_what, bytes, expected) => {
    expect(isSparse(Uint8Array.from(bytes))).toBe(expected);
  });
});

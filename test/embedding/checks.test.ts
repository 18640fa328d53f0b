import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkVector } from "../../src/embedding/checks.ts";

const unit = (size: number): Float32Array => new Float32Array(size).fill(1 / Math.sqrt(size));

describe("the gate before native index code", () => {
  it("lets a unit vector of the right size pass", () => {
    expect(() => checkVector(unit(384), 384)).not.toThrow();
  });

  it("refuses a vector with one bad value, wherever it is", () => {
    const bad = fc.constantFrom(
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      3e38,
    );
    fc.assert(
      fc.property(fc.nat(383), bad, (index, value) => {
        const vector = unit(384);
        vector[index] = value;
        expect(() => checkVector(vector, 384)).toThrow(/not finite or not of unit length/);
      }),
    );
  });

  it("refuses another size, all zeros, and a vector that was not normalised", () => {
    expect(() => checkVector(unit(383), 384)).toThrow(/dimensions/);
    expect(() => checkVector(new Float32Array(384), 384)).toThrow(/unit length/);
    expect(() => checkVector(new Float32Array(384).fill(1), 384)).toThrow(/unit length/);
  });
});

import { describe, expect, it } from "vitest";
import { exactNearest, makeVectors } from "./vectors.ts";

describe("bench vectors", () => {
  it("are the same in every run, of unit length, and none is there twice", () => {
    const { base, queries } = makeVectors(300, 20);
    const again = makeVectors(300, 20);
    expect(again.base[7]).toEqual(base[7]);
    const keys = new Set([...base, ...queries].map((vector) => vector.slice(0, 8).join(" ")));
    expect(keys.size).toBe(320);
    for (const vector of base) expect(Math.hypot(...vector)).toBeCloseTo(1, 4);
  });

  it("have exact neighbours, best first, of those that count", () => {
    const { base } = makeVectors(50, 0);
    const query = base[3] as Float32Array;
    expect(exactNearest(base, query, { k: 3 })[0]).toBe(3);
    const odd = exactNearest(base, query, { k: 50, accepts: (index) => index % 2 === 0 });
    expect(odd).toHaveLength(25);
    expect(odd).not.toContain(3);
  });
});

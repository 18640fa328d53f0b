/**
 * Bounds that only make sense together. A change of one that breaks another fails here with the
 * sentence that says why; the relations stand below the numbers, in src/contract/limits/.
 */
import { describe, expect, it } from "vitest";
import { holds } from "../../src/contract/limits/relation.ts";
import { limitRelations, limits } from "../../src/contract/limits.ts";

it("holds only finite numbers above zero", () => {
  for (const [name, value] of Object.entries(limits)) {
    expect(Number.isFinite(value) && value > 0, name).toBe(true);
  }
});

for (const [room, relations] of Object.entries(limitRelations)) {
  describe(room, () => {
    it.each(Object.entries(relations))("%s", (_sentence, parts) => {
      expect(parts.length).toBeGreaterThan(0);
      for (const part of parts)
        expect(holds(part), `${part.left} ${part.is} ${part.right}`).toBe(true);
    });
  });
}

it("tells a relation that does not hold from one that does", () => {
  expect(holds({ left: 1, is: "at most", right: 1 })).toBe(true);
  expect(holds({ left: 2, is: "at most", right: 1 })).toBe(false);
  expect(holds({ left: 1, is: "below", right: 1 })).toBe(false);
  expect(holds({ left: 6, is: "a multiple of", right: 3 })).toBe(true);
  expect(holds({ left: 7, is: "a multiple of", right: 3 })).toBe(false);
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { SortedPieces } from "../../src/text/word-pieces.ts";
import { runs } from "../support/runs.ts";

/** As it is defined: every length is tried, the longest first. */
function byDefinition(word: string, pieces: ReadonlySet<string>): string[] | undefined {
  const letters = [...word];
  const found: string[] = [];
  for (let start = 0; start < letters.length; ) {
    let end = letters.length;
    const piece = () => (start === 0 ? "" : "##") + letters.slice(start, end).join("");
    while (end > start && !pieces.has(piece())) end -= 1;
    if (end === start) return undefined;
    found.push(piece());
    start = end;
  }
  return found;
}

const letters = fc.string({
  unit: fc.constantFrom("a", "b", "\u0431", "\u{1d4d0}"),
  minLength: 1,
  maxLength: 4,
});
const vocabulary = fc.uniqueArray(
  fc.tuple(fc.constantFrom("", "##"), letters).map((parts) => parts.join("")),
);
const word = fc.string({ unit: fc.constantFrom("a", "b", "\u0431", "\u{1d4d0}"), maxLength: 30 });

test("a search letter by letter finds the pieces that a search of every length finds", () => {
  fc.assert(
    fc.property(vocabulary, word, (pieces, text) => {
      expect(new SortedPieces(pieces).split(text)).toEqual(byDefinition(text, new Set(pieces)));
    }),
    { numRuns: runs(500) },
  );
});

test("a piece of nothing but the mark is a piece", () => {
  const some = new SortedPieces(["#", "##", "##a"]);
  expect(some.split("##")).toEqual(["##"]);
  expect(some.split("##a")).toEqual(["##a"]);
  expect(some.split("#a")).toEqual(["#", "##a"]);
});

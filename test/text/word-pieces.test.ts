import fc from "fast-check";
import { expect, test } from "vitest";
import { wordPieces } from "../../src/text/word-pieces.ts";

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

test("a bounded search finds the pieces that a search of every length finds", () => {
  fc.assert(
    fc.property(vocabulary, word, (entries, text) => {
      const pieces = new Set(entries);
      const pieceCharsMax = Math.max(0, ...entries.map((entry) => [...entry].length));
      const found = wordPieces(text, { has: (piece) => pieces.has(piece), pieceCharsMax });
      expect(found).toEqual(byDefinition(text, pieces));
    }),
  );
});

test("an unknown word of many letters is looked up no more often than its length times the longest piece", () => {
  let lookups = 0;
  const has = (piece: string): boolean => {
    lookups += 1;
    return piece === "\u0431" || piece === "##\u0431";
  };
  expect(wordPieces("\u0431".repeat(100), { has, pieceCharsMax: 18 })).toHaveLength(100);
  expect(lookups).toBeLessThanOrEqual(100 * 18);
});

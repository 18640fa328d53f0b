import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { meanDirection } from "../../src/contract/vector.ts";
import { createMemoryTokenizer } from "../../src/text/memory.ts";
import { piecesOf } from "../../src/text/pieces.ts";

const tokenizer = createMemoryTokenizer();
const tokensOf = (text: string): number =>
  tokenizer.words(text).reduce((sum, { ids }) => sum + ids.length, 0);
const wordsOf = (text: string): string[] =>
  tokenizer.words(text).map(({ start, end }) => text.slice(start, end));

describe("a text in pieces", () => {
  it("is one piece, as it is, when it fits", () => {
    expect(piecesOf("  a short one ", tokenizer, 64)).toEqual(["  a short one "]);
    expect(piecesOf("", tokenizer, 64)).toEqual([""]);
  });

  const word = fc.oneof(
    { weight: 8, arbitrary: fc.string({ minLength: 1, maxLength: 12, unit: "grapheme-ascii" }) },
    { weight: 2, arbitrary: fc.constantFrom("one. ", "Two? ", "日本語の文。", "x".repeat(150)) },
  );
  const texts = fc.array(word, { maxLength: 300, size: "max" }).map((words) => words.join(" "));

  it("loses no word, and fits (TP1, TP2)", () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 40, max: 256 }), (text, tokensMax) => {
        const pieces = piecesOf(text, tokenizer, tokensMax);
        expect(pieces.flatMap(wordsOf)).toEqual(wordsOf(text));
        for (const piece of pieces) expect(tokensOf(piece)).toBeLessThanOrEqual(tokensMax - 2);
      }),
    );
  });

  it("is in few pieces, none of them a crumb (TP3, TP4)", () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 128, max: 256 }), (text, tokensMax) => {
        const pieces = piecesOf(text, tokenizer, tokensMax);
        if (pieces.length === 1) return;
        const least = Math.ceil(tokensOf(text) / (tokensMax - 2));
        expect(pieces.length).toBeLessThanOrEqual(4 * least);
        for (const piece of pieces.slice(0, -1)) {
          expect(tokensOf(piece) * 5).toBeGreaterThanOrEqual(tokensMax - 2);
        }
      }),
    );
  });

  it("is cut where a sentence begins, if one does nearby", () => {
    const sentence = "The pump of the north building was repaired last week.";
    const text = Array.from({ length: 8 }, () => sentence).join(" ");
    const pieces = piecesOf(text, tokenizer, 64);
    expect(pieces.length).toBeGreaterThan(1);
    for (const piece of pieces) expect(piece).toMatch(/^The pump .* week\.$/);
  });

  it("takes a word alone that is longer than the model takes", () => {
    expect(piecesOf(`a ${"x".repeat(90)} b`, tokenizer, 10)).toEqual(["a", "x".repeat(90), "b"]);
  });
});

describe("the mean direction", () => {
  const of = (...values: number[]) => Float32Array.from(values);

  it("of one vector is that vector", () => {
    const only = of(0.6, 0.8);
    expect(meanDirection([only])).toBe(only);
  });

  it("is of unit length and as near to each", () => {
    const mean = meanDirection([of(1, 0), of(0, 1)]);
    expect([...mean].map((value) => value.toFixed(4))).toEqual(["0.7071", "0.7071"]);
  });

  it("of vectors that cancel each other out is the first", () => {
    expect([...meanDirection([of(1, 0), of(-1, 0)])]).toEqual([1, 0]);
  });
});

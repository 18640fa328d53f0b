import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createQuoteGate } from "../../src/answer/quotes.ts";
import { sources } from "./sources.ts";

const known = sources(
  "It is false that the pool is closed. The pool on Mill Lane\nopens at 06:30.",
  "The library has 2,048 books. See [the list](http://evil.example) of the books.",
);

function quotes(...pieces: readonly string[]): string {
  const gate = createQuoteGate(known);
  return pieces.map((piece) => gate.push(piece)).join("") + gate.end();
}

describe("quote gate", () => {
  test("lets out sentences of the sources as they stand there, and nothing else (QO1)", () => {
    expect(quotes("Sure! The pool on Mill Lane opens at 06:30. I hope that helps. [1]")).toBe(
      "The pool on Mill Lane\nopens at 06:30. [1]",
    );
    expect(quotes("The pool on Mill Lane opens at 07:30. [1]")).toBe("");
    expect(quotes("A well-known (and/or old) pool* opens at 06:30? [1]")).toBe("");
  });

  test("names the source that holds the words, whatever the model cites", () => {
    expect(quotes("The library has 2,048 books. [1]")).toBe("The library has 2,048 books. [2]");
  });

  test("a piece of a sentence brings all of it: half of one may say the opposite", () => {
    expect(quotes("The pool is closed.")).toBe("");
    expect(quotes("the pool is closed.")).toBe("It is false that the pool is closed. [1]");
  });

  test("a sentence with a link, two glued together or too few words stay inside", () => {
    expect(quotes("See [the list](http://evil.example) of the books.")).toBe("");
    expect(quotes("The pool on Mill Lane has 2,048 books.")).toBe("");
    expect(quotes("06:30.")).toBe("");
  });

  test("however the text is split, the same leaves, and each sentence once (QO2)", () => {
    const text =
      "Well, see. The library has 2,048 books. [2] The pool on Mill Lane opens at 06:30 [1]. The library has 2,048 books.";
    const whole = quotes(text);
    expect(whole).toBe(
      "The library has 2,048 books. [2] The pool on Mill Lane\nopens at 06:30. [1]",
    );
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 6 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length];
        const pieces = at.slice(1).map((end, index) => text.slice(at[index], end));
        // The filter of citations stands before it: it never splits a marker.
        if (pieces.some((piece) => /\[\d*$/.test(piece) || /^\d*\]/.test(piece))) return;
        expect(quotes(...pieces)).toBe(whole);
      }),
    );
  });
});

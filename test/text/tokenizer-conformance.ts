/** What every tokenizer keeps (TK1, TK2, TK4 of src/text/port.ts). */

import fc from "fast-check";
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import type { Tokenizer } from "../../src/text/port.ts";
import { codePoint } from "../support/code-point.ts";

const text = fc.oneof(
  fc.string({ unit: codePoint, maxLength: 60 }),
  fc.lorem(),
  fc.constantFrom(
    "[CLS] [SEP]",
    "漢字かな",
    "👩‍👩‍👧",
    "a.b",
    "x".repeat(500),
    "\u00a0\f\v\ufeff≠´",
  ),
);

export function describeTokenizer(create: () => Tokenizer): void {
  test("TK1, TK4: words cover all but white space, in order, none too long", () => {
    const tokenizer = create();
    fc.assert(
      fc.property(text, (value) => {
        let end = 0;
        for (const word of tokenizer.words(value)) {
          expect(word.start).toBeGreaterThanOrEqual(end);
          expect(word.end - word.start).toBeLessThanOrEqual(limits.wordCharsMax);
          expect(value.slice(end, word.start).trim()).toBe("");
          end = word.end;
        }
        expect(value.slice(end).trim()).toBe("");
      }),
    );
  });

  test("TK2: an encoded text is its words between [CLS] and [SEP], cut at the bound", () => {
    const tokenizer = create();
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 40 }), (value, maxTokens) => {
        const ids = tokenizer.words(value).flatMap((word) => [...word.ids]);
        const expected = [tokenizer.startId, ...ids.slice(0, maxTokens - 2), tokenizer.endId];
        expect([...tokenizer.encode(value, maxTokens)]).toEqual(expected);
      }),
    );
  });
}

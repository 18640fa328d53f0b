import fc from "fast-check";
import { expect, test } from "vitest";
import { countTerms, indexedText, unpackTerms } from "../../src/text/chunk-terms.ts";
import { termCounts, terms } from "../../src/text/lexical.ts";
import { adversarialText } from "./adversarial-texts.ts";

test("terms that were counted together are those of each text, in the same order", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.lorem(), adversarialText(200)), { maxLength: 6 }), (texts) => {
      const counted = unpackTerms(countTerms(texts));
      const told = counted.map(({ vocabulary, counts, length }) => ({
        length,
        counts: Array.from({ length: counts.length / 2 }, (_, at) => [
          vocabulary[counts[2 * at] ?? -1],
          counts[2 * at + 1],
        ]),
      }));
      const expected = texts.map((text) => {
        const list = terms(text);
        return { length: list.length, counts: [...termCounts(list)] };
      });
      expect(told).toEqual(expected);
    }),
  );
});

test("a chunk is found by its title, its heading and its text", () => {
  expect(indexedText("T", { heading: "H", text: "x" })).toBe("T\nH\nx");
  expect(indexedText(undefined, { text: "x" })).toBe("x");
});

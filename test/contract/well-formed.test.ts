import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutText, isPlainName } from "../../src/contract/well-formed.ts";

/**
 * Characters of all planes, lone halves of pairs, marks, joiners, controls: what a careless sender
 * cuts and joins.
 */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.constantFrom(
        "\ud83c",
        "\udf85",
        "\u0000",
        "\u0301",
        "\u200d",
        "👩‍👩‍👧‍👦",
        "🇳🇴",
        "e\u0301",
      ),
    ),
  )
  .map((parts) => parts.join(""));

describe("a text that is cut", () => {
  it("is a beginning of the text, within its bound, and well-formed where the text was", () => {
    fc.assert(
      fc.property(anyText, fc.nat({ max: 200 }), (text, charsMax) => {
        const whole = text.toWellFormed();
        const cut = cutText(whole, charsMax);
        expect(whole.startsWith(cut)).toBe(true);
        expect(cut.length).toBeLessThanOrEqual(charsMax);
        expect(cut.isWellFormed()).toBe(true);
      }),
    );
  });

  it.each<[string, number, string]>([
    ["ab🎅", 3, "ab"],
    ["ab🎅", 4, "ab🎅"],
    ["cafe\u0301 au lait", 4, "caf"],
    ["a👩‍👩‍👧‍👦b", 8, "a"],
    ["no🇳🇴", 4, "no"],
    ["short", 10, "short"],
    ["nothing", 0, ""],
    ["nothing", -1, ""],
  ])("%s at %i keeps whole letters and emoji", (text, charsMax, cut) => {
    expect(cutText(text, charsMax)).toBe(cut);
  });

  it("gets shorter by a mark at most when its marks have no end, and stays well-formed", () => {
    const zalgo = `x${"\u0301".repeat(1_000)}`;
    expect(cutText(zalgo, 500)).toHaveLength(500);
    const pairs = `x${"\u{e0101}".repeat(1_000)}`;
    expect(cutText(pairs, 500)).toHaveLength(499);
    expect(cutText(pairs, 500).isWellFormed()).toBe(true);
  });
});

it.each([
  ["label", true],
  ["Größe 🎅", true],
  ["label \ud83c", false],
  ["\udf85 label", false],
  ["a\u0000b", false],
  ["a\u001fb", false],
  ["a\u0085b", false],
])("the name %j can be told to anybody: %s", (name, isPlain) => {
  expect(isPlainName(name)).toBe(isPlain);
});

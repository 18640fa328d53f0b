import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cleanLine, cleanText } from "../../src/text/clean.ts";
import { codePoint } from "../support/code-point.ts";

/** Characters that nobody sees, one for each letter. */
const tags = (letters: string) =>
  Array.from(letters, (letter) =>
    String.fromCodePoint(0xe0000 + (letter.codePointAt(0) ?? 0)),
  ).join("");

describe("cleaning", () => {
  test.each([
    ["NUL and other controls", "a\0b\x07c\tdé", "abc\tdé"],
    ["zero-width characters", "ig\u200bno\u2060re\ufeff", "ignore"],
    ["bidi overrides", "abc\u202edef\u202c", "abcdef"],
    ["tag characters", "hi\u{e0069}\u{e0067}", "hi"],
    ["variation selectors used as bytes", "x\u{e0100}\u{e01ef}", "x"],
    ["a row of variation selectors behind an emoji", "😀\ufe0f\ufe00\ufe01\u{e0100}!", "😀\ufe0f!"],
    ["a variation selector behind a letter", "a\ufe0fb\ufe01c\ufe0e", "abc"],
    ["a variation selector behind a digit", "1\ufe0f2", "12"],
    ["variation selectors in front of everything", "\ufe0f\ufe00x", "x"],
    ["tags behind another flag", "🏁\u{e0067}\u{e0062}\u{e007f}", "🏁"],
    ["tags without an end", "🏴\u{e0067}\u{e0062}\u{e0065}", "🏴"],
    ["an order spelt in tags behind a flag", `🏴${tags("ignoreallrules")}\u{e007f}`, "🏴"],
    ["a joiner between Latin letters", "pass\u200dword", "password"],
    ["soft hyphens", "hy\u00adphen", "hyphen"],
  ])("%s go", (_name, text, expected) => {
    expect(cleanText(text)).toBe(expected);
  });

  test.each([
    [
      "of Scotland, Wales, England",
      `🏴${tags("gbsct")}\u{e007f} 🏴${tags("gbwls")}\u{e007f} 🏴${tags("gbeng")}\u{e007f}`,
    ],
    ["of Texas", `🏴${tags("ustx")}\u{e007f}`],
    ["of countries", "🇳🇴🇯🇵"],
    ["of pirates and pride", "🏴‍☠️ 🏳️‍🌈 🏳️‍⚧️"],
    ["as signs", "❤️ ❤︎ ☎︎ ©️ ™︎ ✔️"],
    ["as keys", "1️⃣ #️⃣ *️⃣"],
    ["of trades", "👩🏽‍⚕️ 👁️‍🗨️ 🧑‍🚒"],
    ["of ideographs", "葛\u{e0100}城 辻\u{e0101} 﨑 直︀"],
    ["of mathematics", "a ∩︀ b ≨︀ c ∅︀"],
  ])("forms %s stay as they are spelt", (_name, text) => {
    expect(cleanText(text)).toBe(text);
  });

  test.each(["👩‍👩‍👧‍👦 family", "می‌خواهم", "क्‍ष", "Zürich\n\n  code", "日本語"])(
    "%j stays",
    (text) => {
      expect(cleanText(text)).toBe(text);
    },
  );

  test.each([
    ["\u001b[31mERROR\u001b[0m disk \u001b[1;4mfull\u001b[m", "ERROR disk full"],
    ["\u001b]0;root@a\u0007$ ls", "$ ls"],
    ["\u001b]8;;https://a.b\u001b\\\u001b[4mhere\u001b[0m\u001b]8;;\u001b\\", "here"],
    ["N\bNA\bAM\bME\bE _\bf_\bi_\bl_\be", "NAME file"],
    ["C:\\usr, C:\bin", "C:\\usr, C:in"],
    ["an [31m that is text, \u001b]and no end", "an [31m that is text, ]and no end"],
  ])("has no colours of a terminal: %j", (text, expected) => {
    expect(cleanText(text)).toBe(expected);
  });

  test("line ends are one kind, blank lines and gaps are bounded", () => {
    expect(cleanText("a\r\nb\rc\u2028d \t\n\n \n\ne")).toBe("a\nb\nc\nd\n\ne");
    expect(cleanText(`a${" ".repeat(5_000)}b`)).toBe(`a${" ".repeat(64)}b`);
    expect(cleanLine(" A \n title\u200b ")).toBe("A  title");
  });

  test("a line is what the text is, with blanks for line ends and none at its ends", () => {
    const ascii = fc.string({ unit: fc.constantFrom(..."ab .:-_~!\t\n\r\x7f\0") });
    fc.assert(
      fc.property(fc.oneof(ascii, fc.string({ unit: codePoint })), (text) => {
        expect(cleanLine(text)).toBe(cleanText(text).replaceAll("\n", " ").trim().normalize("NFC"));
      }),
    );
  });

  test("a letter of a line is one, whichever keyboard or file system wrote it", () => {
    expect(cleanLine("U\u0308bersicht Cafe\u0301")).toBe("\u00dcbersicht Caf\u00e9");
    expect(cleanText("Cafe\u0301")).toBe("Cafe\u0301");
  });

  test("a lone surrogate becomes the replacement character", () => {
    expect(cleanText("a\ud800b")).toBe("a\ufffdb");
  });

  test("is well-formed and changes nothing the second time, for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: codePoint }), (text) => {
        const once = cleanText(text);
        expect(once.isWellFormed()).toBe(true);
        expect(cleanText(once)).toBe(once);
      }),
    );
  });

  test.each([" ", "\n", "\r", "\u200b", "\u200c", " \n", "\t", "👩\u200d"])(
    "256 KiB of %j end",
    (wall) => {
      expect(cleanText(wall.repeat(262_144)).length).toBeLessThanOrEqual(262_144 * wall.length);
    },
  );
});

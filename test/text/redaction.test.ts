import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { terms } from "../../src/text/lexical.ts";
import { redact, redactorVersion } from "../../src/text/redaction.ts";
import { codePoint } from "../support/code-point.ts";
import { testKey, withoutDigests } from "../support/redactor.ts";
import { runs } from "../support/runs.ts";
import { finds, kept } from "./redaction-cases.ts";

const key = testKey;
const exactly = (text: string): string => redact(text, { key }).text;
const redacted = (text: string): string => withoutDigests(exactly(text));

describe("redaction", () => {
  test.each(finds)("%j becomes %j", (text, expected) => {
    expect(redacted(text)).toBe(expected);
  });

  test.each(kept)("RD3: %j stays", (text) => {
    expect(redacted(text)).toBe(text);
  });

  test("counts what it replaced, by kind", () => {
    const { counts } = redact("a@b.de, c@d.de and 203.0.113.7", { key });
    const found = Object.entries(counts).filter(([, count]) => count > 0);
    expect(Object.fromEntries(found)).toEqual({ EMAIL: 2, IP: 1 });
  });

  test("RD2: the longest of overlapping finds wins", () => {
    expect(redacted("phone 4111 1111 1111 1111")).toBe("phone [CARD]");
    expect(redacted("call DE89370400440532013000")).toBe("call [IBAN]");
  });

  describe("placeholders (RD5)", () => {
    const same: readonly (readonly string[])[] = [
      ["jane@example.com", "JANE@Example.com", "jane%40example.com", "ja\u200bne@example.com"],
      ["+49 (0) 171 234 56 78", "+491712345678", "0049 171 2345678"],
      ["(202) 555-0143", "+1 202 555 0143", "202.555.0143"],
      ["4111 1111 1111 1111", "4111111111111111", "4111-1111-1111-1111"],
      ["DE89 3704 0044 0532 0130 00", "de89370400440532013000"],
      ["2001:db8::1:2", "2001:0DB8:0:0:0:0:1:2"],
    ];
    test.each(same)("%j and its other spellings have one", (...spellings) => {
      const all = spellings.map(exactly);
      expect(new Set(all).size).toBe(1);
      expect(all[0]).toMatch(/^\[[A-Z_]+:[a-f][0-9a-f]{9}\]$/);
    });

    test("other values have others, and so have the same values of another tenant", () => {
      const addresses = Array.from({ length: 5_000 }, (_, n) => `user${n}@example.com`);
      const marks = new Set(addresses.map(exactly));
      expect(marks.size).toBe(addresses.length);
      const other = redact("user1@example.com", { key: new Uint8Array(32).fill(8) }).text;
      expect(marks.has(other)).toBe(false);
    });

    test("their digests are terms, so that words find them", () => {
      const mark = exactly("jane@example.com");
      const digest = mark.slice(mark.indexOf(":") + 1, -1);
      expect(terms(`Write to ${mark}.`)).toContain(digest);
    });

    test("one that a publisher writes stays, and hides nothing", () => {
      expect(exactly("[EMAIL:a123456789]")).toBe("[EMAIL:a123456789]");
      expect(redacted("[PHONE:2025550123] [CARD:4111111111111111]")).toBe(
        "[PHONE:[PHONE]] [CARD:[CARD]]",
      );
    });

    test("a text of nothing but short addresses grows by a bounded share", () => {
      const text = Array.from({ length: 20_000 }, (_, n) => `a${n}@b.de`).join(" ");
      const once = exactly(text);
      expect(once.length).toBeLessThan(text.length * 1.13 + 2_000);
      expect(once).not.toContain("@");
      expect(exactly(once)).toBe(once);
    });
  });

  test("RD1: numbers joined by anything are all found by the first look", () => {
    const numbers = ["+12025550123", "+49 30 901820", "0049 30 901820", "(202) 555-0143"];
    for (const number of numbers)
      for (const joint of ["+", " + ", "/", "/+", ", ", ";", "|", "\n"]) {
        const text = Array.from({ length: 40 }, (_, n) => number.slice(0, -2) + (10 + n)).join(
          joint,
        );
        const once = exactly(text);
        expect(withoutDigests(once), text.slice(0, 40)).not.toMatch(/\d{3}/);
        expect(exactly(once)).toBe(once);
      }
  });

  const fragments = fc.oneof(
    fc.constantFrom(...finds.flat(), ...kept),
    fc.constantFrom(
      " ",
      "",
      "@",
      ".",
      ":",
      "-",
      "+",
      "4",
      "１",
      "a",
      "\u200b",
      "é",
      "[IP]",
      "tel ",
    ),
    fc.string({ unit: codePoint, maxLength: 12 }),
    fc.stringMatching(/^[-+0-9 .()/]{0,40}$/),
    fc.stringMatching(/^[a-f0-9:.@]{0,40}$/),
  );

  test("RD1: redacting twice changes nothing more", () => {
    fc.assert(
      fc.property(fc.array(fragments, { maxLength: 12 }), (parts) => {
        const once = exactly(parts.join(""));
        expect(exactly(once)).toBe(once);
      }),
      { numRuns: runs(250) },
    );
  });

  test("a find is found wherever it stands between words", () => {
    fc.assert(
      fc.property(
        fc.lorem(),
        fc.constantFrom(...finds),
        fc.lorem(),
        (before, [text, to], after) => {
          expect(redacted(`${before}\n${text}\n${after}`)).toBe(`${before}\n${to}\n${after}`);
        },
      ),
    );
  });

  test("has a version", () => expect(redactorVersion).toMatch(/^\d+$/));

  const size = 262_144;
  const fill = (text: string) => text.repeat(Math.ceil(size / text.length)).slice(0, size);
  const walls = [
    "1",
    "1 ",
    "+1 ",
    "+1",
    "+0 0 ",
    "(",
    "1.",
    "1.1.1.1.",
    ":",
    "a:",
    "::1",
    "@",
    "a@",
    "a@a.",
    "@a",
    "a.",
    "-",
    "4111 ",
    "4-",
    "DE89",
    "DE89 ",
    "DE89 3704 0044 0532 0130 01 ",
    "eyJ",
    "eyJaaaaaaaa.",
    "AKIA",
    "sk-",
    "token=",
    "token ",
    "bearer ",
    "tel ",
    "-----BEGIN PRIVATE KEY-----",
    "x",
    "é",
    "１",
    "a@b.de ",
    "+49 30 901820 ",
    "call 1234567 ",
    "phone phone ",
    "ﷺ",
    "\u200b",
    "a-a@",
  ];
  // Built-in searches (`lastIndexOf`) count no visits: one that starts anew at each sign takes tens
  // of seconds for a text of this length, and the whole of it takes a tenth of one.
  test.each(walls)("256 KiB of %j end", { timeout: 10_000 }, (wall) => {
    expect(redacted(fill(wall)).length).toBeGreaterThanOrEqual(0);
  });
});

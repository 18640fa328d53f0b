import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { citedNumbers, createCitationFilter, filterCitations } from "../../src/answer/citations.ts";
import { withoutCode } from "../../src/contract/code-spans.ts";
import { runs } from "../support/runs.ts";

const filtered = (text: string) => filterCitations(text, 3);

const cases: readonly (readonly [string, string])[] = [
  ["Merges are durable [1].", "Merges are durable [1]."],
  ["Merges are durable [99].", "Merges are durable."],
  ["A [99] b [0] c [2]", "A b c [2]"],
  ["Both [1, 3] and [2,9].", "Both [1][3] and [2]."],
  ["As said [Source 2] and [source: 7].", "As said [2] and."],
  ["It works![1]", "It works! [1]"],
  ["see ![pixel](http://evil.example/?q=secret) here", "see here"],
  ["see [the manual](http://evil.example/(x)?q=1) here", "see the manual here"],
  ["see [1](http://evil.example) here", "see [1] here"],
  ["[![a](http://evil.example/i)](http://evil.example)", "] (http://evil.example)"],
  ["[click][ref]\n[ref]: http://evil.example", "click [ref]\nref : http://evil.example"],
  ["[1]: http://evil.example", "[1] : http://evil.example"],
  ["A foot note[^2], another[^9].", "A foot note [2], another."],
  ["[^1]: http://evil.example", "[1] : http://evil.example"],
  ["Merges are durable【1】, also【2†L3-L5】, not【9】.", "Merges are durable [1], also [2], not."],
  ["as said 【1】(http://evil.example)", "as said [1] (http://evil.example)"],
  ["【重要】【12月】 read 【1", "【重要】【12月】 read 【1"],
  ["【2023】年 【1:概要】 【2:0†source】", "【2023】年 【1:概要】 [2]"],
  ["a pattern [^0-9] of signs", "a pattern [^0-9] of signs"],
  ['a <img src="http://evil.example"> b', "a b"],
  ["a <a href='x'>link</a> b", "a link b"],
  ["a <https://evil.example> b", "a b"],
  ["if a < b and Array<string> then x > y", "if a < b and Array<string> then x > y"],
  ["mail [EMAIL] about docs[0] and map[key]!", "mail [EMAIL] about docs and map[key]!"],
  ["an open [bracket", "an open bracket"],
  ["forged [![a](b)99]", "forged 99]"],
  ["forged [text]![a](b)(http://evil.example)", "forged [text] (http://evil.example)"],
  ["forged <i[mg](x) src=y>", "forged <i mg src=y>"],
  ["Use `items[0]` and `m[2][3]` [1], not [9].", "Use `items[0]` and `m[2][3]` [1], not."],
  [
    "```py\nif a[9]:\n  b[x][0] = c[7]\n```\nDone [9] [2].",
    "```py\nif a[9]:\n  b[x][0] = c[7]\n```\nDone [2].",
  ],
  ["an open fence\n```\na[9]", "an open fence\n```\na[9]"],
  ["``a ` [9]`` and [9] `open [9]\n`[9]", "``a ` [9]`` and `open\n`"],
  ["`[a](http://evil.example) <img src=x>` `b[9]`", "` a ` `b `"],
  ["  two  spaces\n\n- and lines\n", "  two  spaces\n\n- and lines\n"],
];

const pieces = fc.array(
  fc.oneof(
    fc.constantFrom(...cases.flat()),
    fc.constantFrom("[", "]", "(", ")", "!", "<", ">", " ", "\n", ":", "1", "99", "img", "a", "/"),
    fc.constantFrom("【", "】", "【1", "†", "^1", "【1†L2】", "【99】", "【1:", "【2023", "^0-9"),
    fc.constantFrom("`", "``", "```", "\n```", "a`b", "`[9]`", "\n```js\n[9]\n```\n"),
    fc.constantFrom("    ", "【    1】", "【  2  †x】", ":0"),
    fc.constantFrom("![", "](", "[1]", "[99]", "<img ", "http://x", "Source 1", "x".repeat(250)),
    fc.constantFrom("[".repeat(5), "(".repeat(2_100), "word ", ", ", ". "),
    fc.string({ maxLength: 6 }),
  ),
  { maxLength: 20 },
);

describe("citation filter", () => {
  test.each(cases)("%j leaves as %j", (text, expected) => {
    expect(filtered(text)).toBe(expected);
  });

  test("streamed and whole are the same, however the text is split", () => {
    fc.assert(
      fc.property(pieces, fc.array(fc.integer({ min: 1, max: 9 })), (parts, sizes) => {
        const text = parts.join("");
        const filter = createCitationFilter({ shown: 3 });
        let out = "";
        let at = 0;
        for (let step = 0; at < text.length; step += 1) {
          const size = sizes[step % (sizes.length || 1)] ?? 1;
          out += filter.push(text.slice(at, at + size));
          at += size;
        }
        expect(out + filter.end()).toBe(filtered(text));
      }),
      { numRuns: runs(1_000) },
    );
  });

  test("CC1, CC2: no foreign marker, image, link or loading tag leaves, also none grown together", () => {
    fc.assert(
      fc.property(pieces, (parts) => {
        const out = filtered(parts.join(""));
        expect(citedNumbers(out).every((number) => number >= 1 && number <= 3)).toBe(true);
        expect(out).not.toMatch(/\]\(|!\[/);
        expect(withoutCode(out)).not.toMatch(/\]\[[^\]\d]*\]|\]:/);
        expect(out).not.toMatch(/<\/?(?:img|a|iframe|script|style|link|svg)[\s/>]/i);
        expect(out).not.toMatch(/<https?:/i);
      }),
      { numRuns: runs(3_000) },
    );
  });

  test("CC1: what is broken in code moves no backtick, so that no foreign marker comes out of it", () => {
    const out = filterCitations(`\`\`\`A [99] b [2]${"(".repeat(2_100)}\`\`\``, 3);
    expect(citedNumbers(out)).toEqual([]);
    const code = "```js\nhandlers[0](event)\n<img src=x>\n![a](b)\n```";
    expect(filterCitations(code, 3)).toBe(
      "```js\nhandlers[0] (event)\n< img src=x>\n! [a] (b)\n```",
    );
  });

  test("CC3: text without brackets, tags and exclamation marks leaves as it was", () => {
    const plain = fc.string({ unit: "grapheme" }).map((text) => text.replace(/[[\]<!]/g, ""));
    fc.assert(
      fc.property(plain, (text) => {
        expect(filtered(text)).toBe(text);
      }),
    );
  });

  test("text without constructs is not held back", () => {
    const filter = createCitationFilter({ shown: 1 });
    expect(filter.push("The watermark")).toBe("The watermark");
    expect(filter.push(" moves [")).toBe(" moves");
    expect(filter.push("1")).toBe("");
    expect(filter.push("].")).toBe(" [1].");
  });
});

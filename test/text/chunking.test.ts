import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { chunkText } from "../../src/text/chunking.ts";
import { createMemoryTokenizer } from "../../src/text/memory.ts";
import { runs } from "../support/runs.ts";

const tokenizer = createMemoryTokenizer();
const chunk = (text: string, title?: string) => chunkText({ text, title, tokenizer });
const sentence = (n: number) => `Sentence number ${n} says something about the subject at hand.`;
const paragraphs = (count: number) =>
  Array.from({ length: count }, (_, n) => sentence(n)).join(" ");

/** Words of CK2, at the tokenizer's own grain. */
const wordsOf = (text: string) =>
  tokenizer.words(text).map((word) => text.slice(word.start, word.end));

/** Whether the chunks hold every word of the text in order, overlaps allowed. */
function coversInOrder(text: string, chunks: readonly { text: string }[]): boolean {
  const all = wordsOf(text);
  let covered = 0;
  for (const { text: part } of chunks) {
    const words = wordsOf(part);
    let start = covered;
    while (start >= 0 && !words.every((word, at) => all[start + at] === word)) start -= 1;
    if (start < 0) return false;
    covered = Math.max(covered, start + words.length);
  }
  return covered === all.length;
}

const markdownish = fc
  .array(
    fc.oneof(
      fc.lorem({ maxCount: 40 }),
      fc.string({ unit: "grapheme", maxLength: 80 }),
      fc.nat(6).map((n) => `${"#".repeat(n + 1)} Heading ${n}`),
      fc.constantFrom("```ts", "```", "~~~", "===", "---", "- item", "| a | b |", "", "  ", "\t"),
      fc.nat(400).map((n) => "word".repeat(n)),
      fc.nat(300).map((n) => "漢字かな。".repeat(n)),
      fc.nat(300).map((n) => "# same\n".repeat(n)),
    ),
    { maxLength: 60 },
  )
  .map((lines) => lines.join("\n"));

describe("chunks", () => {
  test("CK1, CK2: hold every word in order and never exceed the bound", () => {
    fc.assert(
      fc.property(markdownish, fc.option(fc.lorem(), { nil: undefined }), (text, title) => {
        const chunks = chunk(text, title);
        expect(coversInOrder(text, chunks)).toBe(true);
        for (const { tokens, text: part, heading } of chunks) {
          expect(tokens.length).toBeLessThanOrEqual(limits.chunkTokensMax);
          expect(tokens).toEqual(tokenizer.encode(`${heading ?? ""} ${part}`, 100_000));
        }
      }),
      { numRuns: runs(60) },
    );
  });

  test("CK5: the range of a chunk is where its text lies", () => {
    fc.assert(
      fc.property(markdownish, (text) => {
        for (const { text: shown, range } of chunk(text)) expect(text.slice(...range)).toBe(shown);
      }),
    );
  });

  test("CK4: the same text gives the same chunks", () => {
    const text = `# A\n${paragraphs(80)}\n## B\n${paragraphs(3)}`;
    expect(chunk(text)).toEqual(chunk(text));
  });

  test.each(["", " ", "\n\n\t \n"])("blank text %j makes none", (text) => {
    expect(chunk(text)).toEqual([]);
  });

  test("a short text is one chunk, shown as it was written", () => {
    expect(chunk("Just one line.")).toMatchObject([{ text: "Just one line." }]);
    expect(chunk("Just one line.")[0]?.heading).toBeUndefined();
  });

  test("are cut between sentences and overlap by whole sentences of bounded length (CK3)", () => {
    const chunks = chunk(paragraphs(100));
    expect(chunks.length).toBeGreaterThan(3);
    for (const { text } of chunks) {
      expect(text).toMatch(/^Sentence/);
      expect(text).toMatch(/\.$/);
    }
    const [first, second] = chunks;
    const shared = second?.text.slice(0, second.text.indexOf(".") + 1) ?? "";
    expect(first?.text.endsWith(shared)).toBe(true);
    expect(tokenizer.encode(shared, 1_000).length - 2).toBeLessThanOrEqual(
      limits.chunkOverlapTokens,
    );
  });

  test("prose wrapped by hand is not cut at its line ends", () => {
    const wrapped = paragraphs(60).replaceAll(" about ", "\nabout ");
    for (const { text } of chunk(wrapped)) expect(text).toMatch(/^Sentence[^]*\.$/);
  });

  test("carry the title and the headings above, but not the heading they show themselves", () => {
    const text = `# Guide\n\n${paragraphs(20)}\n\n## Setup\n\n${paragraphs(40)}`;
    const headings = chunk(text, "Manual").map(({ heading }) => heading);
    expect(headings[0]).toBe("Manual");
    expect(headings).toContain("Manual > Guide");
    expect(headings.at(-1)).toBe("Manual > Guide > Setup");
    const setup = chunk(text, "Manual").find((each) => each.text.startsWith("## Setup"));
    expect(setup?.heading).toBe("Manual > Guide");
  });

  test("a heading that repeats the title is said once", () => {
    const text = `# Manual\n\n${paragraphs(60)}`;
    const [first, second] = chunk(text, "Manual");
    expect(first?.heading).toBeUndefined();
    expect(second?.heading).toBe("Manual");
  });

  test("a heading is never the last thing of a chunk that something follows", () => {
    const text = Array.from({ length: 30 }, (_, n) => `## Part ${n}\n\n${paragraphs(2)}`).join(
      "\n",
    );
    for (const { text: part } of chunk(text)) expect(part).not.toMatch(/## Part \d+$/);
  });

  test.each([
    ["# Setup ##", "Setup"],
    ["# C#", "C#"],
    ["# [a link](https://example.com) to `code`", "a link to code"],
    ["# <b>bold</b> ![image](x.png)", "bold"],
    ["# chalk [![Build Status](x.svg)](https://ci.example)", "chalk"],
    ["# ![Freshet](logo.png)", "Freshet"],
    ["# a < b and c > d", "a < b and c > d"],
    ["# [[[ (", "[[[ ("],
  ])("the heading %j is shown as %j", (markup, shown) => {
    expect(chunk(`${markup}\n${paragraphs(60)}`).at(-1)?.heading).toBe(shown);
  });

  test("an underlined heading counts as one", () => {
    const text = `Setup\n=====\n${paragraphs(60)}`;
    expect(chunk(text).at(-1)?.heading).toBe("Setup");
  });

  test("small sections share a chunk", () => {
    const text = "# A\nOne.\n# B\nTwo.\n# C\nThree.";
    expect(chunk(text)).toHaveLength(1);
  });

  test("a code block that fits is not torn, nor are its comments taken for headings", () => {
    const code = `\`\`\`sh\n# not a heading\n${"run --this\n".repeat(20)}\`\`\``;
    const chunks = chunk(`${paragraphs(14)}\n\n${code}\n\n${paragraphs(20)}`);
    expect(chunks.some(({ text }) => text.includes(code))).toBe(true);
    expect(chunks.every(({ heading }) => heading === undefined)).toBe(true);
  });

  test("a code block that does not fit is cut between lines and keeps its indentation", () => {
    const code = `\`\`\`\n${Array.from({ length: 200 }, (_, n) => `    call(${n});`).join("\n")}\n\`\`\``;
    const chunks = chunk(code);
    expect(chunks.length).toBeGreaterThan(2);
    for (const { text } of chunks.slice(1, -1)) expect(text).toMatch(/^ {4}call\(\d+\);[^]*\);$/);
  });

  test("a long heading path stays within its bound and keeps title and innermost heading", () => {
    const deep = [1, 2, 3, 4, 5]
      .map((level) => `${"#".repeat(level)} ${`Level${level} `.repeat(6)}\n\n${paragraphs(40)}`)
      .join("\n\n");
    const { heading } = chunk(deep, "Manual").at(-1) ?? {};
    expect(heading).toMatch(/^Manual > .*Level5/);
    expect(tokenizer.encode(heading ?? "", 1_000).length - 2).toBeLessThanOrEqual(
      limits.headingTokensMax,
    );
  });

  const size = 262_144;
  test.each([
    ["one word", "x".repeat(size)],
    ["newlines between two words", `a${"\n".repeat(100_000)}b`],
    ["headings", "# h\n".repeat(size / 4)],
    ["different headings", Array.from({ length: 20_000 }, (_, n) => `# heading ${n}`).join("\n")],
    ["list items", "- a\n".repeat(size / 4)],
    ["paragraphs", "a\n\n".repeat(size / 3)],
    ["fences", "```\n".repeat(size / 4)],
    ["one sentence", "word ".repeat(size / 5)],
    ["full stops", ". ".repeat(size / 2)],
    ["ideographs", "漢".repeat(size / 3)],
    ["spaces in a heading", `# ${" ".repeat(size)}x`],
    ["emoji", "👩‍👩‍👧‍👦".repeat(10_000)],
  ])("CK1, CK2 hold for 256 KiB of %s", (_name, text) => {
    const chunks = chunk(text);
    expect(Math.max(...chunks.map(({ tokens }) => tokens.length))).toBeLessThanOrEqual(
      limits.chunkTokensMax,
    );
    const letters = (value: string) => value.replace(/\s/g, "").length;
    const sum = chunks.reduce((total, each) => total + letters(each.text), 0);
    expect(sum).toBeGreaterThanOrEqual(letters(text));
  });
});

describe("tables", () => {
  const rows = Array.from({ length: 80 }, (_, n) => `| Pier ${n} of Askby | ${n * 5} crowns |`);
  const table = ["# Ferries", "", "| Landing place | Price |", "| --- | ---: |", ...rows].join(
    "\n",
  );

  test("each chunk of a table says what its columns are, and no row is torn", () => {
    const chunks = chunk(table);
    expect(chunks.length).toBeGreaterThan(3);
    expect(chunks[0]?.heading).toBeUndefined();
    for (const { heading } of chunks.slice(1))
      expect(heading).toBe("Ferries > Landing place | Price");
    for (const row of rows) expect(chunks.some(({ text }) => text.includes(row))).toBe(true);
  });

  test("what follows a table stands without its columns", () => {
    const chunks = chunk(`${table}\n\n${paragraphs(40)}`);
    expect(chunks.at(-1)?.heading).toBe("Ferries");
  });
});

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmTableFromMarkdown } from "mdast-util-gfm-table";
import { gfmTable } from "micromark-extension-gfm-table";
import { describe, expect, test } from "vitest";
import { firstHeading, parseBlocks } from "../../src/text/markdown.ts";
import { cpuMs } from "../support/cpu-time.ts";
import { runs } from "../support/runs.ts";

/** Where headings and code are, by line: as micromark has it, and as we do. */
interface Node {
  readonly type: string;
  readonly depth?: number;
  readonly children?: readonly Node[];
  readonly position?: { readonly start: { line: number }; readonly end: { line: number } };
}

function expected(text: string): readonly string[] {
  const found: string[] = [];
  const visit = ({ type, depth, children = [], position }: Node): void => {
    const from = position?.start.line ?? 0;
    if (type === "heading") found.push(`h${depth} ${from}-${position?.end.line}`);
    // It gives unclosed fences a line too many, so that only beginnings are compared.
    else if (type === "code") found.push(`code ${from}`);
    else for (const child of children) visit(child);
  };
  visit(
    fromMarkdown(text, {
      extensions: [gfmTable()],
      mdastExtensions: [gfmTableFromMarkdown()],
    }) as Node,
  );
  return found;
}

function found(text: string): readonly string[] {
  const lineOf = (offset: number) => text.slice(0, offset).split("\n").length;
  return parseBlocks(text).flatMap((block) => {
    if (block.kind === "heading")
      return [`h${block.level} ${lineOf(block.start)}-${lineOf(block.end)}`];
    return block.kind === "code" ? [`code ${lineOf(block.start)}`] : [];
  });
}

type Lines = readonly string[];
const indented = (lines: Lines, first: string, rest: string): Lines =>
  lines.map((line, at) => (at === 0 ? first : line === "" ? rest.trimEnd() : rest) + line);
const joined = (blocks: readonly Lines[]): Lines =>
  blocks.flatMap((block, at) => (at === 0 ? block : ["", ...block]));

const words = fc.constantFrom(
  "alpha",
  "beta_gamma",
  "`code`",
  "2 < 3",
  "don't",
  "(x)",
  "a.b",
  "*em*",
  "100 %",
  "<b>b</b>",
  "[l](u)",
);
const text = fc.array(words, { minLength: 1, maxLength: 5 }).map((each) => each.join(" "));
const inFences = fc.constantFrom("# no", "x", "", "- y", "    z", "```", "~~", "> q");
const fences = fc
  .tuple(fc.constantFrom("```", "~~~", "`````", "~~~~"), fc.array(inFences, { maxLength: 4 }))
  .map(([fence, lines]) => [
    fence,
    ...lines.filter((line) => !line.startsWith(fence.slice(0, 3))),
    fence,
  ]);
const rows = fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 3 });
const { block } = fc.letrec<{ block: Lines }>((tie) => {
  const several = fc.array(tie("block"), { minLength: 1, maxLength: 3 }).map(joined);
  return {
    block: fc.oneof(
      { depthSize: "small", maxDepth: 3 },
      fc.array(text, { minLength: 1, maxLength: 3 }),
      fc
        .tuple(fc.integer({ min: 1, max: 6 }), text)
        .map(([level, title]) => [`${"#".repeat(level)} ${title}`]),
      fc
        .tuple(text, fc.constantFrom("===", "---", "-----", "="))
        .map(([title, under]) => [title, under]),
      fences,
      fc.array(fc.constantFrom("    # no", "    x", "      y"), { minLength: 1, maxLength: 3 }),
      rows.map(([head, ...body]) => [
        `| ${head?.join(" | ")} |`,
        "| --- | :-: |",
        ...body.map((row) => `| ${row.join(" | ")} |`),
      ]),
      fc.constantFrom(
        ["<div>", "# no", "</div>"],
        ["<!-- # no", "", "## no -->"],
        ["<details>", "<summary>s</summary>"],
        ["***"],
        ["* * *"],
      ),
      fc
        .tuple(fc.constantFrom("- ", "* ", "1. ", "1) ", "-   "), several)
        .map(([mark, lines]) => indented(lines, mark, " ".repeat(mark.length))),
      several.map((lines) => indented(lines, "> ", "> ")),
    ),
  };
});
const document = fc
  .array(block, { minLength: 1, maxLength: 4 })
  .map((blocks) => joined(blocks).join("\n"));

/** Markdown that packages ship: written by many hands, for other parsers. */
const readmes = readdirSync(join(import.meta.dirname, "../../node_modules"), {
  withFileTypes: true,
})
  .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
  .flatMap(({ name }) => {
    const folder = join(import.meta.dirname, "../../node_modules", name);
    return readdirSync(folder)
      .filter((file) => /\.md$/i.test(file))
      .map((file) => join(folder, file));
  })
  .filter((_, at) => at % 5 === 0);

/** On a busy machine; work that grows faster than the text would take minutes. */
const linearMs = 5_000;

describe("Markdown as blocks", () => {
  test("has the headings and code of CommonMark, for generated texts", () => {
    fc.assert(
      fc.property(document, (markdown) => {
        expect(found(markdown)).toEqual(expected(markdown));
      }),
      { numRuns: runs(120) },
    );
  });

  test("has the headings and code of CommonMark, for files of packages", () => {
    expect(readmes.length).toBeGreaterThan(40);
    const different = readmes.filter((path) => {
      const markdown = readFileSync(path, "utf8").replaceAll("\r\n", "\n").slice(0, 40_000);
      // Fields above the text are no heading here.
      return !markdown.startsWith("---") && found(markdown).join() !== expected(markdown).join();
    });
    expect(different).toEqual([]);
  });

  test("covers all that is not blank, in order, for any text (MD1)", () => {
    const piece = fc.constantFrom(
      "# h",
      "text",
      "===",
      "---",
      "- item",
      "> q",
      "```",
      "    code",
      "| a | b |",
      "| - | - |",
      "<div>",
      "<!--",
      "",
      "\t",
      "1.",
      ">",
    );
    const line = fc
      .tuple(fc.constantFrom("", "  ", "> ", "- "), piece)
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 12 }),
        fc.constantFrom("\n", "\r\n"),
        (lines, end) => {
          const markdown = lines.join(end);
          let at = 0;
          for (const { start, end: blockEnd } of parseBlocks(markdown)) {
            expect(markdown.slice(at, start).trim()).toBe("");
            expect(blockEnd).toBeGreaterThan(start);
            at = blockEnd;
          }
          expect(markdown.slice(at).trim()).toBe("");
        },
      ),
      { numRuns: runs(500) },
    );
  });

  test.each([
    "# ",
    "- ",
    "> ",
    ">",
    "```\n",
    "- a\n",
    "  - b\n\n",
    "[",
    "a\n===\n",
    "|a|\n|-|\n",
    "<!--\n",
    "*",
    "\t",
    "    x\n\n",
    "1. ",
    "<a ",
    "`",
    "- - - - x\n",
  ])("256 KiB of %j are gone through once (MD2)", (piece) => {
    const markdown = piece.repeat(262_144 / piece.length);
    const began = cpuMs();
    parseBlocks(markdown);
    expect(cpuMs() - began).toBeLessThan(linearMs);
  });

  test.each(["<h1>", "<h1>x</h2>", "<h1 ", "<!-- ", "<pre>", "<h1>\n\n"])(
    "256 KiB of %j are gone through once for a title",
    (piece) => {
      const paragraph = `${piece.repeat(4_096 / piece.length)}\n\n`;
      const began = cpuMs();
      expect(firstHeading(paragraph.repeat(64))).toBeUndefined();
      expect(cpuMs() - began).toBeLessThan(linearMs);
    },
  );

  test("fields above a text are no heading of it", () => {
    expect(firstHeading("---\ntitle: x\ntags: [a]\n---\n\n# Real")).toBe("Real");
    expect(firstHeading("---\n\nNo fields\n---\n")).toBe("No fields");
    expect(firstHeading("# [The `ferry` line](/f) is **`late` today**")).toBe(
      "The ferry line is late today",
    );
    expect(firstHeading("# Ferry<br>times<br/>of <b>May</b>")).toBe("Ferry times of May");
  });
});

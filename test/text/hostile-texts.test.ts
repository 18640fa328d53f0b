/**
 * Texts that publishers, senders of mail and models choose, against every part that looks for
 * something in them: none of them makes a search begin anew at each of its characters.
 *
 * The whole of each takes some tenths of a second, and what takes the square of its length tens of
 * seconds or minutes: the limit of time tells them apart on any machine.
 */

import { describe, expect, it } from "vitest";
import { createQuoteGate } from "../../src/answer/quotes.ts";
import { claimsOf } from "../../src/answer/references.ts";
import { createRepetitionGuard } from "../../src/answer/repetition.ts";
import { supportOf } from "../../src/answer/support.ts";
import { csvDocument } from "../../src/ingest/formats/csv.ts";
import { withoutHiddenRuns } from "../../src/ingest/formats/docx-xml.ts";
import { readPage } from "../../src/ingest/formats/html/page.ts";
import { withoutQuotes } from "../../src/ingest/formats/quotes.ts";
import { firstHeading } from "../../src/text/markdown.ts";

const fill = (unit: string, chars: number): string => unit.repeat(chars / unit.length);
const end = { timeout: 10_000 };
const blanks = [" ", "\t", "\n", "\r", "\u2028", "\u00a0", " \n"];

describe("a text of blanks", () => {
  it.each(blanks)("%j ends as an answer whose markers are looked for", end, (blank) => {
    const text = `The dam holds${fill(blank, 256 * 1_024)}.`;
    expect(claimsOf(`${text} [1]`)).toMatchObject([{ markers: [1] }]);
    expect(claimsOf(text)).toEqual([]);
  });

  it.each(blanks)("%j ends as an answer that comes in small pieces", end, (blank) => {
    const gate = createQuoteGate([]);
    const text = `The dam holds${fill(blank, 16 * 1_024)}and holds.`;
    for (let at = 0; at < text.length; at += 4) gate.push(text.slice(at, at + 4));
    expect(gate.end()).toBe("");
  });

  it.each([...blanks, "a "])("%j ends as an answer that may repeat itself", end, (blank) => {
    const guard = createRepetitionGuard();
    const text = fill(blank, 256 * 1_024);
    expect(guard.push(text).length + guard.end().length).toBeLessThanOrEqual(text.length);
  });

  it.each(blanks)("%j ends as a claim whose names are looked for", end, (blank) => {
    const claim = `the dam${fill(blank, 128 * 1_024)}of Norwich holds`;
    expect(supportOf(claim, [{ text: "It holds.", whole: "It holds." }])).toHaveLength(1);
  });

  it.each(blanks)("%j ends as a mail whose quotations go", end, (blank) => {
    expect(withoutQuotes(`a${fill(blank, 256 * 1_024)}b`, true)).toContain("b");
  });

  it("many heads of mails, none of them whole, end as a reply", end, () => {
    const heads = "From: Bo\nTo: Ann\n".repeat(16 * 1_024);
    expect(withoutQuotes(`a\n${heads}b`, true)).toContain("b");
  });

  it.each(["<w:r><w:rPr><w:vanish/>", "<w:t ", "<w:r>"])(
    "runs of %j end as a Word text",
    end,
    (run) => {
      const xml = `<w:vanish/>${fill(run, 256 * 1_024)}`;
      expect(withoutHiddenRuns(xml).length).toBeLessThanOrEqual(xml.length);
    },
  );

  it.each(['"', '",', '\\"', '\n"', ' "'])(
    "%j ends as a table whose delimiter is looked for",
    end,
    (sign) => {
      expect(csvDocument(`a,b\n${fill(sign, 64 * 1_024)}\nx,y\n`).text).toContain("x");
    },
  );

  it.each(["\t", " \t", "\t ", "\t\u00a0"])(
    "%j, cell after cell, end as tables whose delimiter is looked for",
    end,
    (cell) => {
      const table = `a,b\n${fill(cell, 64 * 1_024)}\nx,y\n`;
      for (let count = 0; count < 6; count += 1) expect(csvDocument(table).text).toContain("x");
    },
  );

  it.each(["# *a*\n"])(
    "headings of %j end as a text whose title is its first heading",
    end,
    (heading) => {
      expect(firstHeading(`# Dams\n${heading.repeat(768 * 1_024)}`)).toBe("Dams");
    },
  );

  it(
    "elements within elements that are crossed out, or beside lines, end as a page",
    end,
    async () => {
      const page = `${"<s class=gutter>".repeat(500)}${"1 ".repeat(64 * 1_024)}a`;
      expect((await readPage(page, async () => undefined)).text).toContain("~~");
    },
  );

  it.each(blanks)("%j ends as code of a page, whose fence is looked for", end, async (blank) => {
    const page = `<pre><code>a${fill(blank, 256 * 1_024)}b</code></pre>`;
    expect((await readPage(page, async () => undefined)).text).toContain("```");
  });
});

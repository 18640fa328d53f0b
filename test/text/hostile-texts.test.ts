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
import { readPage } from "../../src/ingest/formats/html/page.ts";
import { withoutQuotes } from "../../src/ingest/formats/quotes.ts";

const fill = (unit: string, chars: number): string => unit.repeat(chars / unit.length);
const end = { timeout: 10_000 };
const blanks = [" ", "\t", "\n", "\u2028", "\u00a0", " \n"];

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
    expect(withoutQuotes(`a${fill(blank, 256 * 1_024)}b`)).toContain("b");
  });

  it.each(blanks)("%j ends as code of a page, whose fence is looked for", end, async (blank) => {
    const page = `<pre><code>a${fill(blank, 256 * 1_024)}b</code></pre>`;
    expect((await readPage(page, async () => undefined)).text).toContain("```");
  });
});

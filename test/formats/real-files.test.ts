/** What is read of a file is what its library, asked directly, finds in it. */

import { Buffer } from "node:buffer";
import mammoth from "mammoth";
import { parse } from "parse5";
import { extractText, getDocumentProxy } from "unpdf";
import { afterAll, describe, expect, test } from "vitest";
import { readFragment } from "../../src/ingest/formats/html/page.ts";
import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { random } from "../hot/documents.ts";
import { damaged, docxFile, pdfFile, realPages, type SeedFile, seedFiles } from "./seeds.ts";
import { readNamed } from "./support.ts";

const reader = openFileReader();
afterAll(() => reader.close());

const wordsOf = (text: string) => text.match(/[\p{L}\p{N}]+/gu) ?? [];

/** Without the marks that make Markdown of it. */
async function readWords({ name, bytes }: SeedFile): Promise<readonly string[]> {
  const { documents } = await readNamed(reader, name, bytes);
  const text = documents.map((document) => String(document["text"])).join("\n");
  return wordsOf(text.replaceAll(/^## Page \d+$/gm, ""));
}

interface Node {
  readonly nodeName: string;
  readonly value?: string;
  readonly childNodes?: readonly Node[];
}

/** Every text of a page's body, one after the other. */
function bodyText({ nodeName, value = "", childNodes = [] }: Node): string {
  if (nodeName === "#text") return value;
  if (["head", "script", "style", "nav"].includes(nodeName)) return " ";
  return childNodes.map(bodyText).join(nodeName === "body" ? " " : "");
}

const seeds = Array.from({ length: 10 }, (_, seed) => seed + 1);

describe("text equals what the library finds", () => {
  test.each(realPages(10))("in the page $name", ({ bytes }) => {
    const html = Buffer.from(bytes).toString();
    const text = readFragment(html).text.replaceAll(/^`{3,}.*$/gm, "");
    // The permalinks of headings are no text.
    const spaced = html.replaceAll(
      /(?=<\/?(?:p|li|h\d|t[dhr]|div|pre|ul|ol|br|code|section|header|dt|dd)\b)/g,
      " ",
    );
    const reference = wordsOf(bodyText(parse(spaced)));
    expect(wordsOf(text).length).toBeGreaterThan(30);
    expect(wordsOf(text).join(" ")).toContain(reference.slice(-30).join(" "));
    expect(wordsOf(text).length / reference.length).toBeGreaterThan(0.98);
  });

  test.each(seeds)("in PDF %i", async (seed) => {
    const file = await pdfFile(seed);
    const pdf = await getDocumentProxy(new Uint8Array(file.bytes), { verbosity: 0 });
    const { text } = await extractText(pdf, { mergePages: true });
    expect(await readWords(file)).toEqual(wordsOf(text));
  });

  test.each(seeds)("in DOCX %i", async (seed) => {
    const file = await docxFile(seed);
    const { value } = await mammoth.extractRawText({ buffer: Buffer.from(file.bytes) });
    expect(await readWords(file)).toEqual(wordsOf(value));
  });
});

test("damaged files of every kind give a document or a reason, and the reader stays", async () => {
  const next = random(11);
  const files = await seedFiles();
  const pick = () => files[Math.floor(next() * files.length)] as SeedFile;
  for (let count = 0; count < 300; count += 1) {
    const { name, bytes } = damaged(pick(), pick(), next);
    const { documents, skipped } = await readNamed(reader, name, bytes);
    expect(documents.length + skipped.length).toBeGreaterThan(0);
    expect(skipped).not.toContain("slow");
  }
});

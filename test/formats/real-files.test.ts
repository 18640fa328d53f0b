/** What is read of a file is what its library, asked directly, finds in it. */

import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse as parseCsv } from "csv-parse/sync";
import mammoth from "mammoth";
import { parse } from "parse5";
import PostalMime from "postal-mime";
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

/** Files that other programs and people wrote: real/LICENCES.md says whose. */
const realFolder = join(import.meta.dirname, "real");
const wordFolder = join(import.meta.dirname, "../../node_modules/mammoth/test/test-data");

function named(folder: string, end: string): readonly SeedFile[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(end));
  return names.map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));
}

const realFiles = (kind: string) => named(join(realFolder, kind), `.${kind}`);

async function readTexts({ name, bytes }: SeedFile): Promise<readonly string[]> {
  const { documents } = await readNamed(reader, name, bytes);
  return documents.map((document) => String(document["text"]));
}

/** The words of the first that the second does not have, in order. */
function missing(wanted: readonly string[], found: readonly string[]): readonly string[] {
  let at = 0;
  return wanted.filter((word) => {
    const next = found.indexOf(word, at);
    if (next !== -1) at = next + 1;
    return next === -1;
  });
}

const oneLine = (text: string) => text.replace(/\s+/g, " ").trim();

async function mailText(bytes: Uint8Array): Promise<string> {
  // A message within it is a document of its own.
  const mail = await PostalMime.parse(bytes, { forceRfc822Attachments: true });
  return mail.text ?? "";
}

describe("of a file that somebody else wrote", () => {
  test.each(realFiles("eml"))("the mail $name is what postal-mime finds", async (file) => {
    const [text = ""] = await readTexts(file);
    expect(oneLine(text)).toBe(oneLine(await mailText(file.bytes)));
    expect(text).not.toBe("");
  });

  test.each(realFiles("mbox"))("the mailbox $name is its mails", async (file) => {
    const texts = (await readTexts(file)).map(oneLine);
    for (const number of file.name.match(/\d+/g) ?? []) {
      const mail = await mailText(readFileSync(join(realFolder, "eml", `msg_${number}.eml`)));
      expect(texts).toContain(oneLine(mail));
    }
  });

  const withoutHeader = /^(?:casbin|s5cmd)-/;
  test.each([...realFiles("csv"), ...realFiles("tsv")])(
    "the table $name is the rows that csv-parse finds",
    async (file) => {
      const rows: string[][] = parseCsv(Buffer.from(file.bytes), {
        delimiter: file.name.endsWith(".tsv") ? "\t" : ",",
        comment: file.name.endsWith(".tsv") ? "#" : "",
        ...{ relax_column_count: true, relax_quotes: true, skip_empty_lines: true, trim: true },
      });
      const names = withoutHeader.test(file.name) ? [] : (rows.shift() ?? []);
      const named = rows.map((row) =>
        row
          .map((cell, at) => ((names[at] ?? "") === "" ? cell : cell && `${names[at]}: ${cell}`))
          .filter((cell) => cell !== "")
          .join("; "),
      );
      const [text = ""] = await readTexts(file);
      const paragraphs = text.split("\n\n").filter((paragraph) => !paragraph.startsWith("#"));
      expect(paragraphs).toEqual(named);
    },
  );

  test.each(realFiles("rst"))("$name has each word that docutils finds", async (file) => {
    const reference = file.name.replace(".rst", ".docutils.txt");
    // docutils alone knows no roles of Sphinx: a target is no word that a reader sees.
    const found = readFileSync(join(realFolder, "rst", reference), "utf8");
    const wanted = wordsOf(found.replaceAll(/ <[\w.-]+>/g, ""));
    const [text = ""] = await readTexts(file);
    expect(missing(wanted, wordsOf(text))).toEqual([]);
    const withoutAddresses = wordsOf(text.replaceAll(/https?:\S+/g, ""));
    expect(withoutAddresses.length / wanted.length).toBeLessThan(1.15);
  });

  test.each(realFiles("adoc"))("$name has each word of its paragraphs", async (file) => {
    const source = Buffer.from(file.bytes).toString();
    const shown = source
      .replaceAll(/^\/\/.*$/gm, "")
      .replaceAll(/(?:link:|(?=https?:))([^\s[\]]+)\[([^\]]*)\]/g, "$2 $1");
    const [text = ""] = await readTexts(file);
    expect(wordsOf(text)).toEqual(wordsOf(shown));
  });

  test.each(named(wordFolder, ".docx"))("$name has each word that mammoth finds", async (file) => {
    const { value } = await mammoth.extractRawText({ buffer: Buffer.from(file.bytes) });
    const texts = await readTexts(file);
    expect(missing(wordsOf(value), wordsOf(texts.join("\n")))).toEqual([]);
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

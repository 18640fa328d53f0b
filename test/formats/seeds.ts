/** Files of every kind, to be read as they are and with damage. */

import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Document, HeadingLevel, Packer, Paragraph } from "docx";
import { PDFDocument, StandardFonts } from "pdf-lib";
import { random } from "../hot/documents.ts";

export interface SeedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Pages that npm ships with Node. */
export function realPages(count: number): readonly SeedFile[] {
  const docs = join(dirname(process.execPath), "../lib/node_modules/npm/docs/output");
  const paths = globSync("**/*.html", { cwd: docs }).toSorted();
  const every = Math.max(1, Math.floor(paths.length / count));
  return paths
    .filter((_, at) => at % every === 0)
    .slice(0, count)
    .map((path) => ({ name: path, bytes: readFileSync(join(docs, path)) }));
}

const nouns = "ferry pier tyre depot lantern keeper timetable crown harbour winter".split(" ");

/** The same words for the same number. */
export function words(seed: number, count: number): string {
  const next = random(seed);
  return Array.from({ length: count }, () => nouns[Math.floor(next() * nouns.length)]).join(" ");
}

export async function pdfFile(seed: number): Promise<SeedFile> {
  const file = await PDFDocument.create();
  const font = await file.embedFont(StandardFonts.TimesRoman);
  for (let page = 0; page < 1 + (seed % 4); page += 1) {
    const sheet = file.addPage();
    for (let line = 0; line < 20; line += 1) {
      sheet.drawText(words(seed * 1_000 + page * 50 + line, 8), {
        x: 40,
        y: 760 - line * 18,
        size: 12,
        font,
      });
    }
  }
  return { name: `${seed}.pdf`, bytes: await file.save() };
}

export async function docxFile(seed: number): Promise<SeedFile> {
  const children = Array.from({ length: 12 }, (_, line) =>
    line % 4 === 0
      ? new Paragraph({ text: words(seed * 100 + line, 4), heading: HeadingLevel.HEADING_2 })
      : new Paragraph(words(seed * 100 + line, 30)),
  );
  return {
    name: `${seed}.docx`,
    bytes: await Packer.toBuffer(new Document({ sections: [{ children }] })),
  };
}

export function mailFile(seed: number): SeedFile {
  const attached = Buffer.from(`# ${words(seed, 3)}\n\n${words(seed + 1, 40)}`).toString("base64");
  const mail = `From: ${words(seed, 2)} <a@depot.example>\r\nSubject: ${words(seed, 5)}\r\nDate: Tue, 5 Mar 2024 10:00:00 +0100\r\nMessage-ID: <${seed}@depot.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${words(seed, 60)}\r\n\r\n> ${words(seed, 9)}\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>${words(seed, 9)}</p>\r\n--b\r\nContent-Type: text/markdown; name=a.md\r\nContent-Disposition: attachment; filename=a.md\r\nContent-Transfer-Encoding: base64\r\n\r\n${attached}\r\n--b--\r\n`;
  return { name: `${seed}.eml`, bytes: Buffer.from(mail) };
}

export function mailboxFile(seed: number): SeedFile {
  const mails = [0, 1, 2].map(
    (n) => `From a Tue Mar  5 10:00:00 2024\n${Buffer.from(mailFile(seed + n).bytes).toString()}\n`,
  );
  return { name: `${seed}.mbox`, bytes: Buffer.from(mails.join("\n")) };
}

export function tableFile(seed: number): SeedFile {
  const rows = Array.from(
    { length: 30 },
    (_, row) => `${row},"${words(seed + row, 3)}, ${row}",${words(row, 2)}`,
  );
  return { name: `${seed}.csv`, bytes: Buffer.from(`Number,Place,Kind\n${rows.join("\n")}\n`) };
}

export function textFile(name: string, seed: number): SeedFile {
  const blocks = Array.from(
    { length: 9 },
    (_, n) => `${"#=-*"[n % 4]} ${words(seed + n, 4)}\n\n${words(seed * n, 30)}\n${"=".repeat(n)}`,
  );
  return { name, bytes: Buffer.from(`---\ntitle: ${words(seed, 2)}\n---\n${blocks.join("\n\n")}`) };
}

function notebookFile(seed: number): SeedFile {
  const cells = Array.from({ length: 9 }, (_, n) => ({
    cell_type: n % 2 === 0 ? "markdown" : "code",
    source: words(seed + n, 20),
    outputs: [{ output_type: "stream", text: [words(n, 9)] }],
  }));
  return { name: `${seed}.ipynb`, bytes: Buffer.from(JSON.stringify({ cells })) };
}

export async function seedFiles(): Promise<readonly SeedFile[]> {
  const kinds = [1, 2, 3].map(async (seed) => [
    await pdfFile(seed),
    await docxFile(seed),
    mailFile(seed),
    mailboxFile(seed),
    tableFile(seed),
    textFile(`${seed}.md`, seed),
    textFile(`${seed}.adoc`, seed),
    textFile(`${seed}.rst`, seed),
    notebookFile(seed),
  ]);
  return [...(await Promise.all(kinds)).flat(), ...realPages(8)];
}

/** A file with damage: bytes that changed, a part that is gone, twice there, or of another file. */
export function damaged({ name, bytes }: SeedFile, other: SeedFile, next: () => number): SeedFile {
  const at = (size: number) => Math.floor(next() * size);
  const copy = Buffer.from(bytes);
  const from = at(copy.length);
  const to = Math.min(copy.length, from + 1 + at(400));
  switch (at(5)) {
    case 0:
      for (let count = 1 + at(30); count > 0; count -= 1) copy[at(copy.length)] = at(256);
      return { name, bytes: copy };
    case 1:
      return { name, bytes: copy.subarray(0, from) };
    case 2:
      return { name, bytes: Buffer.concat([copy.subarray(0, from), copy.subarray(to)]) };
    case 3:
      return { name, bytes: Buffer.concat([copy.subarray(0, to), copy.subarray(from)]) };
    default: {
      const part = Buffer.from(other.bytes).subarray(at(other.bytes.length)).subarray(0, 2_000);
      return { name, bytes: Buffer.concat([copy.subarray(0, from), part, copy.subarray(from)]) };
    }
  }
}

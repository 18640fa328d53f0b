/** Files that are attached to a PDF: a portfolio is hardly more than those. */

import { PDFDocument } from "pdf-lib";
import { afterAll, expect, test } from "vitest";
import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { readNamed } from "./support.ts";

const reader = openFileReader();
afterAll(() => reader.close());

async function pdfWith(text: string, files: Readonly<Record<string, string>>): Promise<Uint8Array> {
  const file = await PDFDocument.create();
  const page = file.addPage([600, 800]);
  if (text !== "") page.drawText(text, { x: 60, y: 700 });
  for (const [name, content] of Object.entries(files)) {
    await file.attach(Buffer.from(content), name, {});
  }
  return file.save();
}

test("a PDF has its pages and each file that is attached to it, and tells what it leaves out", async () => {
  const bytes = await pdfWith("The contract runs for a year.", {
    "fees.md": "# Fees\n\nA berth is 300.",
    "invoice.xml": "<a/>",
    "delete.ndjson": '{"id":"a","delete":true}',
  });
  const parts = await reader.documentsOf({ id: "a.pdf", source: "a.pdf", kind: "pdf" }, bytes);
  expect(parts).toMatchObject([
    { document: { id: "a.pdf", text: "## Page 1\n\nThe contract runs for a year." } },
    { document: { id: "a.pdf#fees.md", title: "Fees", metadata: { attachment: "fees.md" } } },
    { skipped: "type", detail: 'its attachment "invoice.xml"' },
    { skipped: "type", detail: 'its attachment "delete.ndjson"' },
  ]);
});

test("a PDF without a word on its pages has the files that it holds", async () => {
  const bytes = await pdfWith("", { "a.txt": "The key is under the mat." });
  const { documents, skipped } = await readNamed(reader, "a.pdf", bytes);
  expect(documents).toMatchObject([{ id: "a.pdf#a.txt", text: "The key is under the mat." }]);
  expect(skipped).toEqual(["scan"]);
});

test("PDFs within PDFs end, and say which is too deep", async () => {
  let bytes = await pdfWith("The innermost page of all.", {});
  for (let depth = 0; depth < 6; depth += 1) {
    const file = await PDFDocument.create();
    file.addPage().drawText(`The page number ${depth}.`, { x: 60, y: 700 });
    await file.attach(bytes, "inner.pdf", {});
    bytes = await file.save();
  }
  const parts = await reader.documentsOf({ id: "a.pdf", source: "a.pdf", kind: "pdf" }, bytes);
  expect(parts.filter((part) => "document" in part)).toHaveLength(4);
  expect(parts.at(-1)).toMatchObject({ skipped: "size" });
});

test("an attachment of a mail that cannot be read is named with the reason", async () => {
  const mail =
    'From: a@b.example\r\nSubject: Fees\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nSee below.\r\n--x\r\nContent-Type: application/pdf; name="fees.pdf"\r\nContent-Disposition: attachment; filename="fees.pdf"\r\n\r\nno pdf\r\n--x--\r\n';
  const file = { id: "a.eml", source: "a.eml", kind: "eml" } as const;
  const parts = await reader.documentsOf(file, Buffer.from(mail));
  expect(parts[1]).toMatchObject({ skipped: "broken", detail: 'its attachment "fees.pdf"' });
});

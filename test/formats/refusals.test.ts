/** Why a file was left out, in words with which its owner can do something. */

import { afterAll, describe, expect, test } from "vitest";
import { checkOperation } from "../../src/contract/document.ts";
import { saysNoTitle } from "../../src/ingest/formats/file-names.ts";
import { kindOf } from "../../src/ingest/formats/kinds.ts";
import { openFileReader } from "../../src/ingest/formats/reader.ts";

const reader = openFileReader();
afterAll(() => reader.close());

async function partsOf(name: string, content: string | Uint8Array): Promise<unknown> {
  const kind = kindOf(name);
  if (kind === undefined) throw new Error(`${name} is no file that is read`);
  return reader.documentsOf({ id: name, source: name, kind }, Buffer.from(content));
}

/** As Word packs a document with a password. */
const lockedWord = Buffer.concat([
  Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]),
  Buffer.alloc(600),
  Buffer.from("EncryptedPackage", "utf16le"),
]);
const oldWord = lockedWord.subarray(0, 500);

describe("a file that cannot be read", () => {
  test.each([
    ["a page of HTML as PDF", "a.pdf", "<!DOCTYPE html><p>Log in", "broken", /page of HTML/],
    ["an old Word file as new", "a.docx", oldWord, "broken", /older office program/],
    ["a file with nothing in it", "a.pdf", "", "broken", /no bytes/],
    ["a picture as text", "a.md", Buffer.from("\x89PNG\r\n", "latin1"), "encoding", /picture/],
    ["UTF-16", "a.txt", Buffer.from("\ufeffhall", "utf16le"), "encoding", /UTF-16: iconv/],
    ["UTF-16 without a mark", "a.txt", Buffer.from("Grüße", "utf16le"), "encoding", /UTF-16/],
    [
      "a pointer of Git LFS",
      "a.csv",
      "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n",
      "broken",
      /git lfs pull/,
    ],
    ["RTF as text", "a.txt", "{\\rtf1\\ansi Hello}", "broken", /RTF/],
    ["a page as a table", "a.csv", "<html><table><tr><td>1</table>", "broken", /page of HTML/],
    [
      "a list in an object",
      "a.json",
      '{"data":[{"id":"a","text":"b"}]}',
      "format",
      /only the list/,
    ],
    ["a line in latin-1", "a.md", Buffer.from("one\ncaf\xe9", "latin1"), "encoding", /^line 2 /],
  ] as const)("says that it is %s", async (_what, name, content, skipped, detail) => {
    expect(await partsOf(name, content)).toEqual([
      { skipped, detail: expect.stringMatching(detail) },
    ]);
  });

  test("is read where it only speaks of such things", async () => {
    for (const content of ["version https is newer", "{\\rtf} is a form", "<html> is a tag"]) {
      expect(await partsOf("a.txt", content)).toMatchObject([{ document: { text: content } }]);
    }
  });

  test("with a password is told as that, also in Word", async () => {
    expect(await partsOf("a.docx", lockedWord)).toMatchObject([{ skipped: "locked" }]);
  });

  test("of JSON with nothing in it is empty, and a list among lines says how it is called", async () => {
    expect(await partsOf("a.json", " \n")).toEqual([{ skipped: "empty" }]);
    for (const lines of ['[{"id":"a","text":"b"},', '{"id":"a","text":"b"},', "{"]) {
      expect(await partsOf("a.ndjson", lines)).toEqual([
        { skipped: "format", detail: expect.stringContaining("called .json") },
      ]);
    }
    expect(await partsOf("a.ndjson", '{"id":"a"')).toEqual([
      { skipped: "format", detail: "it is no JSON" },
    ]);
  });
});

test("a document with a field of its own is told where that belongs", () => {
  expect(checkOperation({ id: "a", text: "b", url: "c" }, 1_000)).toMatchObject({
    error: { message: "document: has a field that is not known; metadata takes it" },
  });
});

test.each([
  "PowerPoint Presentation",
  "PowerPoint-Präsentation",
  "Présentation PowerPoint",
  "Presentation1",
  "Microsoft Excel - Prices.xls",
  "Microsoft PowerPoint - talk",
  "Folie 1",
  "Dokument2",
  "Title",
  "talk-final.pptx",
])("%j is no title, but what a program left", (title) => {
  expect(saysNoTitle(title)).toBe(true);
});

test.each(["Presentation of the annual report", "Layout of the hall", "Document retention policy"])(
  "%j is a title",
  (title) => {
    expect(saysNoTitle(title)).toBe(false);
  },
);

/** Why a file was left out, in words with which its owner can do something. */

import { afterAll, describe, expect, test } from "vitest";
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
    ["a line in latin-1", "a.md", Buffer.from("one\ncaf\xe9", "latin1"), "encoding", /^line 2 /],
  ] as const)("says that it is %s", async (_what, name, content, skipped, detail) => {
    expect(await partsOf(name, content)).toEqual([
      { skipped, detail: expect.stringMatching(detail) },
    ]);
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

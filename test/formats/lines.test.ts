/** Files of many documents or rows: one that is wrong costs no other. */

import { afterAll, describe, expect, test } from "vitest";
import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { readNamed } from "./support.ts";

const reader = openFileReader();
afterAll(() => reader.close());
const read = (name: string, content: string | Uint8Array) => readNamed(reader, name, content);

describe("JSON", () => {
  test.each(["list.json", "blank.ndjson", "nothing.jsonl"])(
    "without a document is empty, and is counted: %s",
    async (name) => {
      const content = { "list.json": "[]", "blank.ndjson": "\n \n", "nothing.jsonl": "" }[name];
      const { documents, skipped } = await read(name, content ?? "");
      expect({ documents, skipped }).toMatchObject({ documents: [], skipped: ["empty"] });
    },
  );

  test("that says a key twice is left out, and its neighbours in a list are not", async () => {
    const list = '[{"id":"a","text":"1"},{"id":"b","text":"2","text":"3"},{"id":"c","text":"4"}]';
    const { documents, skipped } = await read("list.json", list);
    expect(documents.map(({ id }) => id)).toEqual(["a", "c"]);
    expect(skipped).toEqual(["format"]);
  });

  test("of files that were put together has a byte order mark in its middle", async () => {
    const { documents } = await read(
      "cat.ndjson",
      '{"id":"a","text":"1"}\n\ufeff{"id":"b","text":"2"}',
    );
    expect(documents.map(({ id }) => id)).toEqual(["a", "b"]);
  });
});

describe("a table", () => {
  test("with a cell of more than a million characters keeps all its rows", async () => {
    const { documents, skipped } = await read(
      "a.csv",
      `name,note\nA,"${"word ".repeat(220_000)}"\nB,short\n`,
    );
    expect(skipped).toEqual([]);
    expect(documents.at(-1)?.["text"]).toContain("name: B; note: short");
  });
});

describe("a mail", () => {
  test("without a text is its subject, also beside an attachment", async () => {
    const head = "From: a@example.org\r\nSubject: The ferry is full until Friday\r\n";
    const { documents } = await read("a.eml", `${head}\r\n`);
    expect(documents).toMatchObject([{ id: "a.eml", text: "The ferry is full until Friday" }]);
    const type = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n";
    const part =
      "Content-Type: text/csv; name=p.csv\r\n\r\nRoute,Price\r\nVikholm,140\r\n--b--\r\n";
    const both = await read("a.eml", `${head}${type}${part}`);
    expect(both.documents.map(({ id }) => id)).toEqual(["a.eml", "a.eml#p.csv"]);
    expect(await read("a.eml", "From: a@example.org\r\n\r\n")).toMatchObject({
      skipped: ["empty"],
    });
  });
});

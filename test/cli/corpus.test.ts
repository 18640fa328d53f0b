import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CorpusOptions, readCorpus, readStream } from "../../src/cli/ingest/corpus.ts";
import type { IngestSummary } from "../../src/cli/ingest/ingest.ts";
import { reportLines, reportOf } from "../../src/cli/ingest/report.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "freshet-corpus-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

async function read(path = folder, options: CorpusOptions = {}) {
  const corpus = await readCorpus(path, options);
  const documents = await all(corpus.documents);
  return {
    ids: documents.map((document) => document["id"]),
    documents,
    skipped: Object.fromEntries(corpus.skipped),
  };
}

async function all<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const found: Value[] = [];
  for await (const value of values) found.push(value);
  return found;
}

describe("a folder as a corpus", () => {
  it("gives each text file as a document with its relative path as id", async () => {
    write({ "a.md": "# A title\n\ntext", "deep/er/b.txt": "plain" });
    const { documents } = await read();
    expect(documents).toEqual([
      { id: "a.md", text: "# A title\n\ntext", title: "A title", source: join(folder, "a.md") },
      { id: "deep/er/b.txt", text: "plain", title: "b.txt", source: join(folder, "deep/er/b.txt") },
    ]);
  });

  it("skips and counts other types, empty files and broken text", async () => {
    write({
      "a.png": "x",
      Makefile: "x",
      "empty.md": " \n",
      "latin1.txt": Uint8Array.of(0x63, 0xe9),
      "ok.txt": "ok",
    });
    const { ids, skipped } = await read();
    expect(ids).toEqual(["ok.txt"]);
    expect(skipped).toEqual({ type: 2, empty: 1, encoding: 1 });
  });

  it("says of which kinds files were left out, and how they could come in", async () => {
    write({ "a.xlsx": "x", "b.xlsx": "x", "c.PPTX": "x", Makefile: "x", "d.qqq": "x" });
    const corpus = await readCorpus(folder);
    expect([...corpus.problems.types]).toEqual([
      [".xlsx", 2],
      ["no extension", 1],
      [".pptx", 1],
      [".qqq", 1],
    ]);
    const summary = { documents: 0, unchanged: 0, visible: 0, rejected: 0, seconds: 0 };
    const report = reportOf(summary as IngestSummary, corpus, true);
    expect(report.skipped_types).toMatchObject({ ".xlsx": 2, ".qqq": 1 });
    const { notes } = reportLines(report, false);
    expect(notes).toContain("  type: .xlsx 2 (save each sheet as .csv)");
    expect(notes).toContain("  type: .qqq 1");
  });

  it("names an attachment that is left out, and does not take its mail for one", async () => {
    const mail = [
      ...["From: a@b.example", "Subject: Prices", "Content-Type: multipart/mixed; boundary=x", ""],
      ...["--x", "Content-Type: text/plain", "", "See the sheet.", "--x"],
      ...["Content-Type: application/zip", 'Content-Disposition: attachment; filename="p.xlsx"'],
      ...["", "PK", "--x--", ""],
    ];
    write({ "a.eml": mail.join("\r\n") });
    const corpus = await readCorpus(folder);
    await all(corpus.documents);
    expect([...corpus.problems.types]).toEqual([]);
    const summary = { documents: 1, unchanged: 0, visible: 0, rejected: 0, seconds: 0 };
    const { notes } = reportLines(reportOf(summary as IngestSummary, corpus, true), false);
    expect(notes.join("\n")).toContain('(its attachment "p.xlsx")');
  });

  it("takes the words of a page that is nested to death, and reads the files beside it", async () => {
    const nested = "<font color=red><b>".repeat(4_000);
    write({ "a-forum.html": `<body>${nested}<p>Cheese.</p></body>`, "zoo.md": "# Zoo\n\nOtters." });
    const { documents, skipped } = await read();
    expect(documents).toMatchObject([
      { id: "a-forum.html", text: "Cheese." },
      { id: "zoo.md", title: "Zoo" },
    ]);
    expect(skipped).toEqual({});
  });

  it("leaves out hidden folders, installed packages and links that could lead in circles", async () => {
    write({ ".git/a.md": "x", "node_modules/p/readme.md": "x", "b.md": "x" });
    symlinkSync(folder, join(folder, "loop"));
    expect((await read()).ids).toEqual(["b.md"]);
  });

  it("reads installed packages when they are what was asked for", async () => {
    write({ "node_modules/p/readme.md": "x", "node_modules/p/node_modules/q/readme.md": "y" });
    expect((await read(join(folder, "node_modules"))).ids).toEqual([
      "p/node_modules/q/readme.md",
      "p/readme.md",
    ]);
  });

  it("reads the smallest files first, up to a number of documents or tokens", async () => {
    write({ "a.txt": "x".repeat(400), "b.txt": "x", "c.txt": "x".repeat(40), "d.txt": "" });
    const smallest = { order: "smallest" } as const;
    expect((await read(folder, smallest)).ids).toEqual(["b.txt", "c.txt", "a.txt"]);
    expect((await read(folder, { ...smallest, maxDocuments: 2 })).ids).toEqual(["b.txt", "c.txt"]);
    expect((await read(folder, { ...smallest, maxTokens: 10 })).ids).toEqual(["b.txt", "c.txt"]);
  });
});

describe("a file as a corpus", () => {
  it("is named after itself", async () => {
    write({ "docs/a.md": "x" });
    expect((await read(join(folder, "docs/a.md"))).ids).toEqual(["a.md"]);
  });

  it.each([
    ["# One *two* `three`\n", "One two three"],
    ["```\n# not this\n```\n## This\n", "This"],
    ["Set\n===\n", "Set"],
    ["# [Link](http://x) name #\n", "Link name"],
    ["no heading", "a.md"],
  ])("of Markdown has its first heading as title: %j", async (text, title) => {
    write({ "a.md": text });
    expect((await read()).documents).toMatchObject([{ title }]);
  });

  it("of HTML is its text, with headings as Markdown, without scripts", async () => {
    write({
      "a.html":
        "<html><head><title>The &amp; page</title><script>evil()</script></head><body><nav>menu</nav><h2>Part</h2><p>Some <a href='x'>text</a>.</p></body></html>",
    });
    const { documents } = await read();
    expect(documents).toMatchObject([{ title: "The & page", text: "## Part\n\nSome text." }]);
  });

  it("of JSON is a document, a list of documents, or skipped", async () => {
    write({
      "a.json": '{"id":"one","text":"t","metadata":{"k":1}}',
      "b.json": '[{"id":"two","text":"t"},{"id":"three","op":"delete"},7]',
      "package.json": '{"name":"no document"}',
      "z.json": "{broken",
    });
    const { documents, skipped } = await read();
    expect(documents).toEqual([
      { id: "one", text: "t", metadata: { k: 1 } },
      { id: "two", text: "t" },
      { id: "three", op: "delete" },
    ]);
    expect(skipped).toEqual({ format: 3 });
  });

  it("of NDJSON is one document a line, also in the form of retrieval benchmarks", async () => {
    write({ "a.jsonl": '{"_id":"1","title":"","text":"t"}\n\nbroken\n{"id":"2","text":"ü"}' });
    const { documents, skipped } = await read();
    expect(documents).toEqual([
      { id: "1", text: "t" },
      { id: "2", text: "ü" },
    ]);
    expect(skipped).toEqual({ format: 1 });
  });

  it("of a JSON list gives the last document of each id, and tells of the others (IJ1)", async () => {
    const [first, other, last] = [
      { id: "a", text: "first" },
      { id: "b", text: "other" },
      { id: "a", text: "last" },
    ];
    write({ "a.json": JSON.stringify([first, other, last]) });
    const corpus = await readCorpus(folder);
    expect(await all(corpus.documents)).toEqual([other, last]);
    const [problem] = corpus.problems.shown;
    expect(problem).toMatchObject({
      reason: "repeated",
      detail: 'the id "a" stands in this file again',
    });
    // A mirror deletes nothing while a file could not be read whole: this one was.
    expect(corpus.contents).toMatchObject({ unread: [], unknown: [] });
  });

  it("of a JSON list keeps what is followed by a document that the engine refuses (IJ1)", async () => {
    const documents = [
      { id: "a", text: "first" },
      { id: "a", text: "" },
    ];
    write({ "a.json": JSON.stringify(documents) });
    expect(await read()).toMatchObject({ documents, skipped: {} });
  });

  it("of NDJSON gives every line, in order, as the log of operations that it is (IJ1)", async () => {
    const lines = [
      { id: "a", text: "first" },
      { id: "a", op: "delete" },
      { id: "a", text: "last" },
    ];
    write({ "a.ndjson": lines.map((line) => JSON.stringify(line)).join("\n") });
    expect(await read()).toMatchObject({ documents: lines, skipped: {} });
  });

  it("names the file and the line of what is left out, and why", async () => {
    write({
      "a.ndjson": '{"id":7,"text":"t"}\n{"text":"t"}\n[]\n{"id":"a"},\n{"id":"big","text":"t"}',
      "b.json": '[{"id":"long","text":"t"}]',
    });
    const corpus = await readCorpus(folder);
    for (const document of await all(corpus.documents)) {
      corpus.refused(document, { reason: "size", detail: "too long" });
    }
    const [lines, list] = ["a.ndjson", "b.json"].map((name) => join(folder, name));
    expect(corpus.problems.shown).toEqual([
      { file: lines, line: 1, reason: "format", detail: "its id is no text" },
      { file: lines, line: 2, reason: "format", detail: "it has no id" },
      { file: lines, line: 3, reason: "format", detail: "a document is an object" },
      { file: lines, line: 4, reason: "format", detail: expect.stringContaining("a list is") },
      { file: lines, line: 5, reason: "size", detail: "big: too long" },
      { file: list, line: undefined, reason: "size", detail: "long: too long" },
    ]);
  });

  it("that is not there is an error of usage", async () => {
    await expect(readCorpus(join(folder, "nowhere"))).rejects.toMatchObject({ exitCode: 2 });
  });
});

describe("a stream as a corpus", () => {
  it("may cut lines and characters anywhere", async () => {
    const bytes = Buffer.from('{"id":"1","text":"ü"}\nnonsense\n{"id":"2","text":"b"}');
    async function* single() {
      for (const byte of bytes) yield Uint8Array.of(byte);
    }
    const corpus = readStream(single());
    expect(await all(corpus.documents)).toEqual([
      { id: "1", text: "ü" },
      { id: "2", text: "b" },
    ]);
    expect(corpus.skipped.get("format")).toBe(1);
  });
});

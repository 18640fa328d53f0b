/** What a run, or the next one, finds where files change beside it. */

import {
  appendFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { withoutChanging } from "../../src/cli/ingest/changing.ts";
import { type CorpusOptions, readCorpora } from "../../src/cli/ingest/corpus.ts";
import { FileMemory } from "../../src/cli/ingest/file-memory.ts";
import { readBounded } from "../../src/cli/ingest/read-file.ts";
import { limits } from "../../src/contract/limits.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "freshet-changes-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) writeFileSync(join(folder, path), content);
}

async function read(paths: readonly string[], options: CorpusOptions = {}) {
  const corpus = await readCorpora(paths, options);
  const ids: unknown[] = [];
  for await (const document of corpus.documents) ids.push(document["id"]);
  return { ids, corpus, skipped: Object.fromEntries(corpus.skipped) };
}

describe("a memory of files", () => {
  it("reads a file again only when it changed, or the log has something else (FM1)", async () => {
    write({ "a.md": "x", "b.md": "x" });
    const past = new Date(Date.now() - 60_000);
    let nowMs = Date.now() + 60_000;
    const current = new Set(["a.md", "b.md"]);
    const memory = new FileMemory({ nowMs: () => nowMs, isCurrent: (id) => current.has(id) });
    expect((await read([folder], { memory })).ids).toEqual(["a.md", "b.md"]);
    const again = await read([folder], { memory });
    expect(again.ids).toEqual([]);
    expect([...again.corpus.contents.ids.keys()]).toEqual(["a.md", "b.md"]);
    // The same size and time of change, as a tool that restores times leaves it.
    const before = join(folder, "new");
    writeFileSync(before, "y");
    renameSync(before, join(folder, "a.md"));
    utimesSync(join(folder, "a.md"), past, past);
    current.delete("b.md");
    expect((await read([folder], { memory })).ids).toEqual(["a.md", "b.md"]);
    nowMs = Date.now();
    writeFileSync(join(folder, "a.md"), "z");
    current.add("b.md");
    expect((await read([folder], { memory })).ids).toEqual(["a.md"]);
    expect((await read([folder], { memory })).ids).toEqual(["a.md"]);
  });

  it("keeps what a file held until it was read at rest: it may be half written (FM2)", async () => {
    const line = (id: string) => `${JSON.stringify({ id, text: "x" })}\n`;
    write({ "list.ndjson": line("a") + line("b") + line("c") });
    let nowMs = Date.now() + 60_000;
    const memory = new FileMemory({ nowMs: () => nowMs, isCurrent: () => true });
    await read([folder], { memory });
    const unread = async (text: string) => {
      write({ "list.ndjson": text });
      nowMs = Date.now();
      memory.awaitsRest = false;
      return (await read([folder], { memory })).corpus.contents.unread;
    };
    expect(await unread("")).toEqual(["a", "b", "c"]);
    expect(await unread(line("a"))).toEqual(["b", "c"]);
    expect(memory.awaitsRest).toBe(true);
    expect(await unread(line("a") + line("c"))).toEqual(["b"]);
    nowMs = Date.now() + 60_000;
    memory.awaitsRest = false;
    expect((await read([folder], { memory })).corpus.contents.unread).toEqual([]);
    expect(memory.awaitsRest).toBe(false);
  });

  it("reads a file whose document came from another, once that one is gone", async () => {
    write({ "a.ndjson": '{"id":"x","text":"of a"}', "b.ndjson": '{"id":"x","text":"of b"}' });
    const nowMs = Date.now() + 60_000;
    const memory = new FileMemory({ nowMs: () => nowMs, isCurrent: () => true });
    renameSync(join(folder, "a.ndjson"), join(folder, "a.later"));
    expect((await read([folder], { memory })).ids).toEqual(["x"]);
    renameSync(join(folder, "a.later"), join(folder, "a.ndjson"));
    expect((await read([folder], { memory })).skipped).toMatchObject({ collision: 1 });
    rmSync(join(folder, "a.ndjson"));
    const { corpus, ids } = await read([folder], { memory });
    expect(ids).toEqual(["x"]);
    expect(corpus.contents.ids.get("x")).toBe(join(folder, "b.ndjson"));
  });
});

describe("a file that is written while it is read", () => {
  it("is not whole: what its lines do not say any more may come yet", async () => {
    // Lines end where the reader's chunks end, so that none is cut.
    const line = (id: number) => `${`{"id":"d${id}","text":"x"}`.padEnd(8_191)}\n`;
    const path = join(folder, "export.ndjson");
    const lines = Array.from({ length: 40 }, (_, id) => line(id));
    writeFileSync(path, lines.join(""));
    const corpus = await readCorpora([path]);
    let count = 0;
    for await (const _document of corpus.documents) {
      count += 1;
      // A program begins it anew, and has written one line so far.
      if (count === 1) writeFileSync(path, line(0));
    }
    expect(count).toBeLessThan(40);
    expect(Object.fromEntries(corpus.skipped)).toMatchObject({ changed: 1 });
    expect(corpus.contents.unknown).toEqual([path]);
  });

  it("is read by more than a byte at a time", async () => {
    const path = join(folder, "server.log");
    writeFileSync(path, "x");
    const file = await open(path);
    try {
      const { size } = await file.stat();
      // Listed as one byte, and written on before it is read.
      appendFileSync(path, "y".repeat(200_000));
      const reads = vi.spyOn(file, "read");
      vi.spyOn(file, "stat").mockResolvedValueOnce({ size } as never);
      const bytes = await readBounded(file, limits.ingestFileBytesMax);
      expect(bytes.length).toBe(200_001);
      expect(reads.mock.calls.length).toBeLessThan(20);
    } finally {
      await file.close();
    }
  });
});

it("a file that changed since it was found does not say what is gone", async () => {
  write({ "a.md": "x", "b.md": "x", "list.ndjson": '{"id":"l1","text":"x"}\n' });
  const { corpus } = await read([folder]);
  const none = { unread: [], unknown: [] };
  expect(withoutChanging(corpus.contents, corpus.found)).toMatchObject(none);
  write({ "b.md": "longer" });
  rmSync(join(folder, "a.md"));
  writeFileSync(join(folder, "list.ndjson"), "");
  const { unread, unknown } = withoutChanging(corpus.contents, corpus.found);
  expect([...unread].sort()).toEqual(["a.md", "b.md", "list.ndjson"]);
  expect(unknown).toEqual([join(folder, "list.ndjson")]);
});

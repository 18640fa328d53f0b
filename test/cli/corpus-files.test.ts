import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withoutChanging } from "../../src/cli/ingest/changing.ts";
import { type CorpusOptions, readCorpora, readStream } from "../../src/cli/ingest/corpus.ts";
import { FileMemory } from "../../src/cli/ingest/file-memory.ts";
import { shownPath } from "../../src/cli/ingest/problems.ts";
import { linesOf } from "../../src/cli/ingest/read-file.ts";
import { problemOf } from "../../src/cli/ingest/walk.ts";
import { limits } from "../../src/contract/limits.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "freshet-files-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}

async function read(paths: readonly string[] = [folder], options: CorpusOptions = {}) {
  const corpus = await readCorpora(paths, options);
  const ids: unknown[] = [];
  for await (const document of corpus.documents) ids.push(document["id"]);
  return {
    ids,
    corpus,
    skipped: Object.fromEntries(corpus.skipped),
    problems: corpus.problems.shown,
  };
}

const below = (...names: readonly string[]) => names.map((name) => join(folder, name));

describe("ids of a run", () => {
  it("have the name of their folder in front when several are given", async () => {
    write({ "heating/README.md": "# Boiler", "bikes/README.md": "# Shed" });
    const { ids, skipped } = await read(below("heating", "bikes"));
    expect(ids).toEqual(["heating/README.md", "bikes/README.md"]);
    expect(skipped).toEqual({});
  });

  it("have as many folders in front as tell two of one name apart", async () => {
    write({ "a/docs/x.md": "x", "b/docs/x.md": "x", "b/one.md": "x", "a/one.md": "x" });
    const { ids } = await read(below("a/docs", "b/docs", "a/one.md", "b/one.md"));
    expect(ids).toEqual(["a/docs/x.md", "b/docs/x.md", "a/one.md", "b/one.md"]);
  });

  it("do not depend on how a folder was typed", async () => {
    write({ "docs/x.md": "x" });
    for (const typed of ["docs", "docs/", "./docs", "docs/../docs"]) {
      expect((await read([`${folder}/${typed}`])).ids).toEqual(["x.md"]);
    }
  });

  it("are given once when one folder is given twice", async () => {
    write({ "docs/x.md": "x" });
    expect((await read([join(folder, "docs"), `${folder}/./docs/`])).ids).toEqual(["x.md"]);
  });

  it("have the prefix that was asked for", async () => {
    write({ "docs/x.md": "x" });
    expect((await read(below("docs"), { prefix: "wiki/" })).ids).toEqual(["wiki/x.md"]);
    expect((await read(below("docs/x.md"), { prefix: "wiki/" })).ids).toEqual(["wiki/x.md"]);
  });

  it("of two files never meet: the second is refused and named", async () => {
    write({
      "a.md": "the first",
      "b.ndjson": '{"id":"a.md","text":"x"}\n{"id":"b","text":"1"}\n{"id":"b","text":"2"}',
      "c.json": '{"id":"b","text":"3"}',
    });
    const { ids, skipped, problems } = await read();
    // One file may say several things of one document: a list of operations.
    expect(ids).toEqual(["a.md", "b", "b"]);
    expect(skipped).toEqual({ collision: 2 });
    expect(problems[0]).toMatchObject({ file: join(folder, "b.ndjson"), line: 1 });
  });

  it("are composed, whatever form the name has on this disk", async () => {
    write({ "cafe\u0301.md": "decomposed" });
    expect((await read()).ids).toEqual(["caf\u00e9.md"]);
    write({ "caf\u00e9.md": "composed" });
    const { ids, skipped } = await read();
    expect(ids).toEqual(["caf\u00e9.md"]);
    expect(skipped).toEqual({ collision: 1 });
  });

  it("tell names apart that differ in case or in a space at the end", async () => {
    write({ "a.md": "x", "A.md": "x", "b /c.md": "x", "b/c.md": "x" });
    expect(new Set((await read()).ids)).toEqual(new Set(["A.md", "a.md", "b /c.md", "b/c.md"]));
  });

  it("of names that can be none are refused, and the files beside them are read", async () => {
    const long = `${"d".repeat(250)}/${"e".repeat(250)}/${"f".repeat(100)}.md`;
    write({ "line\nbreak.md": "x", "tab\t.md": "x", [long]: "x", "ok.md": "x" });
    const { ids, skipped, problems } = await read();
    expect(ids).toEqual(["ok.md"]);
    expect(skipped).toEqual({ name: 3 });
    expect(problems.map(({ file }) => file)).toContain(join(folder, "line\\x0Abreak.md"));
  });
});

describe("a folder with what is no plain file", () => {
  it("leaves out names that are no UTF-8, files and folders", async () => {
    const bytes = (name: Buffer) => Buffer.concat([Buffer.from(`${folder}/`), name]);
    writeFileSync(bytes(Buffer.from([0x63, 0x61, 0x66, 0xe9, 0x2e, 0x6d, 0x64])), "x");
    mkdirSync(bytes(Buffer.from([0xff, 0xfe])));
    write({ "zoo.md": "otters" });
    const { ids, skipped, problems } = await read();
    expect(ids).toEqual(["zoo.md"]);
    expect(skipped).toEqual({ name: 2 });
    expect(problems[0]?.file).toBe(`${folder}/caf\\xE9.md`);
  });

  it("leaves out sockets and pipes, without waiting for them", async () => {
    execFileSync("mkfifo", [join(folder, "pipe.md")]);
    const server = createServer().listen(join(folder, "socket.md"));
    await new Promise((resolve) => server.on("listening", resolve));
    write({ "z.md": "x" });
    const { ids, skipped } = await read();
    server.close();
    expect(ids).toEqual(["z.md"]);
    expect(skipped).toEqual({ special: 2 });
  });

  it("counts a file that became a pipe or a folder, or went, after it was listed", async () => {
    write({ "a.md": "x", "b.md": "x", "c.md": "x", "d.md": "x" });
    const corpus = await readCorpora([folder]);
    for (const name of ["a.md", "b.md", "c.md"]) rmSync(join(folder, name));
    execFileSync("mkfifo", [join(folder, "a.md")]);
    mkdirSync(join(folder, "b.md"));
    const ids: unknown[] = [];
    for await (const document of corpus.documents) ids.push(document["id"]);
    expect(ids).toEqual(["d.md"]);
    expect(Object.fromEntries(corpus.skipped)).toEqual({ vanished: 3 });
  });

  it("calls a file unreadable that the system refuses", () => {
    const refused = Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
    expect(problemOf(refused, Buffer.from("a.md"), "a.md")).toMatchObject({
      reason: "unreadable",
      detail: "EACCES",
    });
  });

  it("reads no folder whose list of what stays out cannot be read", async () => {
    write({ ".freshetignore": "#".repeat(limits.ingestIgnoreFileBytesMax + 1), "secret.md": "x" });
    const { ids, skipped } = await read([folder], { ignoreFiles: true });
    expect(ids).toEqual([]);
    expect(skipped).toEqual({ unreadable: 1 });
  });

  it("counts files that are too large for one value", async () => {
    write({ "huge.md": Buffer.alloc(limits.ingestFileBytesMax + 1, 0x61), "ok.md": "x" });
    const { ids, skipped } = await read();
    expect(ids).toEqual(["ok.md"]);
    expect(skipped).toEqual({ size: 1 });
  });

  it("names a few files of each reason and counts all", async () => {
    const files = Array.from({ length: 100 }, (_, n) => [`${n}.bin`, "x"]);
    write({ ...Object.fromEntries(files), "empty.md": "" });
    const { skipped, problems } = await read();
    expect(skipped).toEqual({ type: 100, empty: 1 });
    expect(problems).toHaveLength(limits.ingestProblemsShownMax + 1);
  });
});

describe("symbolic links", () => {
  beforeEach(() => {
    write({ "tree/a.md": "a", "tree/sub/b.md": "b", "far/c.md": "c" });
    symlinkSync(folder, join(folder, "tree/up"));
    symlinkSync(join(folder, "tree/sub"), join(folder, "tree/again"));
    symlinkSync(join(folder, "far"), join(folder, "tree/far"));
    symlinkSync(join(folder, "far/c.md"), join(folder, "tree/c-link.md"));
    symlinkSync("nowhere.md", join(folder, "tree/dangling.md"));
    symlinkSync("loop.md", join(folder, "tree/loop.md"));
  });

  it("are counted, not followed", async () => {
    const { ids, skipped } = await read(below("tree"));
    expect(ids).toEqual(["a.md", "sub/b.md"]);
    expect(skipped).toEqual({ link: 6 });
  });

  it("are followed by choice, each target once, and never in circles", async () => {
    const { ids, skipped } = await read(below("tree"), { followLinks: true });
    expect(new Set(ids)).toEqual(new Set(["a.md", "sub/b.md", "c-link.md"]));
    expect(ids).toHaveLength(3);
    // Again, far's file a second time, up's tree, dangling, loop.
    expect(skipped["link"]).toBeGreaterThanOrEqual(4);
  });

  it("are followed when they are what was given", async () => {
    expect((await read(below("tree/c-link.md"))).ids).toEqual(["c-link.md"]);
    expect((await read(below("tree/far"))).ids).toEqual(["c.md"]);
  });
});

describe("what is meant", () => {
  beforeEach(() =>
    write({
      "a.md": "x",
      "b.txt": "x",
      "drafts/c.md": "x",
      "sub/drafts/d.md": "x",
      "sub/e.md": "x",
      ".gitignore": "sub/*.md\n!sub/keep.md\n",
      "sub/keep.md": "x",
      "sub/.freshetignore": "drafts/\n",
    }),
  );

  it.each([
    [{ include: ["*.md"] }, ["a.md", "drafts/c.md", "sub/drafts/d.md", "sub/e.md", "sub/keep.md"]],
    [{ include: ["sub/**"] }, ["sub/drafts/d.md", "sub/e.md", "sub/keep.md"]],
    [{ include: ["./sub/*.md"] }, ["sub/e.md", "sub/keep.md"]],
    [{ exclude: ["drafts"] }, ["a.md", "b.txt", "sub/e.md", "sub/keep.md"]],
    [{ exclude: ["drafts/"] }, ["a.md", "b.txt", "sub/e.md", "sub/keep.md"]],
    [{ exclude: ["/drafts"] }, ["a.md", "b.txt", "sub/drafts/d.md", "sub/e.md", "sub/keep.md"]],
    [{ include: ["*.md"], exclude: ["sub/**"] }, ["a.md", "drafts/c.md"]],
    [{ exclude: ["*.{txt,md}"] }, []],
    [{ ignoreFiles: true }, ["a.md", "b.txt", "drafts/c.md", "sub/keep.md"]],
  ])("is said by globs and ignore files: %j", async (options, expected) => {
    const { ids, skipped } = await read([folder], options);
    expect(ids).toEqual(expected);
    expect(skipped).toEqual({});
  });

  it("is counted where it is left out", async () => {
    expect((await read([folder], { exclude: ["sub"] })).corpus.excluded).toBe(1);
  });
});

describe("lines", () => {
  const documents = async (bytes: Uint8Array) => {
    const corpus = readStream(
      (async function* () {
        yield bytes;
      })(),
    );
    const ids: unknown[] = [];
    for await (const document of corpus.documents) ids.push(document["id"]);
    return { ids, skipped: Object.fromEntries(corpus.skipped), problems: corpus.problems.shown };
  };
  const line = (id: string, text = "x") => JSON.stringify({ id, text });

  it("with wrong bytes are skipped one by one", async () => {
    const bad = Buffer.from('{"id":"n1","text":"Das Café"}', "latin1");
    const { ids, skipped, problems } = await documents(
      Buffer.concat([bad, Buffer.from(`\n${line("n2", "Café \ufffd")}\n`)]),
    );
    expect(ids).toEqual(["n2"]);
    expect(skipped).toEqual({ encoding: 1 });
    expect(problems[0]).toMatchObject({ line: 1 });
  });

  it.each([
    ["UTF-8 of a surrogate", [0xed, 0xa0, 0x80]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["a cut sequence", [0xe2, 0x82]],
    ["beyond Unicode", [0xf4, 0x90, 0x80, 0x80]],
    ["a stray continuation", [0x80]],
  ])("with %s are skipped", async (_name, bytes) => {
    const wrong = Buffer.concat([
      Buffer.from('{"id":"w","text":"'),
      Buffer.from(bytes),
      Buffer.from(`"}\n${line("ok")}`),
    ]);
    expect(await documents(wrong)).toMatchObject({ ids: ["ok"], skipped: { encoding: 1 } });
  });

  it.each(["\n", "\r\n", "\r", "\n\n", "\r\r\n"])("end with %j", async (end) => {
    const text = `\ufeff${line("a")}${end}${line("b")}${end}`;
    expect(await documents(Buffer.from(text))).toEqual({
      ids: ["a", "b"],
      skipped: {},
      problems: [],
    });
  });

  it("that are too long are passed over", async () => {
    const long = line("long", "x".repeat(3 * 1024 * 1024));
    const { ids, skipped } = await documents(Buffer.from(`${line("a")}\n${long}\n${line("b")}`));
    expect(ids).toEqual(["a", "b"]);
    expect(skipped).toEqual({ size: 1 });
  });

  it("are the same however the stream is cut", async () => {
    const bytes = fc.array(
      fc.oneof(fc.constantFrom(...Buffer.from('\n\r{"a}é€')), fc.integer({ min: 0, max: 255 })),
      { maxLength: 60 },
    );
    const cut = async (all: readonly number[], size: number) => {
      async function* stream() {
        for (let at = 0; at < all.length; at += size) {
          yield Uint8Array.from(all.slice(at, at + size));
        }
      }
      const lines: unknown[] = [];
      for await (const one of linesOf(stream(), 16)) lines.push(one);
      return lines;
    };
    await fc.assert(
      fc.asyncProperty(bytes, fc.integer({ min: 1, max: 7 }), async (all, size) => {
        expect(await cut(all, size)).toEqual(await cut(all, 1_000));
      }),
    );
  });
});

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

it("shows any path as one line of text", () => {
  expect(shownPath("a b/é.md")).toBe("a b/é.md");
  expect(shownPath("a\u001b[31m\n")).toBe("a\\x1B[31m\\x0A");
  expect(shownPath(Buffer.from([0x61, 0xff]))).toBe("a\\xFF");
});

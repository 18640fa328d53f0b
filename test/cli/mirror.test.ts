import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CorpusOptions, readCorpora } from "../../src/cli/ingest/corpus.ts";
import { type IngestOptions, ingestCorpus } from "../../src/cli/ingest/ingest.ts";
import { isInScope, type MirrorOptions, planMirror } from "../../src/cli/ingest/mirror.ts";
import type { DocumentId } from "../../src/contract/ids.ts";
import { tenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { LogEngine } from "../support/log-engine.ts";
import { runs } from "../support/runs.ts";

const demo = tenantId("demo");
let folder: string;
let engine: LogEngine;
let listing: () => AsyncIterable<DocumentId>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "freshet-mirror-"));
  mkdirSync(join(folder, "docs"));
  engine = new LogEngine(demo);
  listing = () => engine.listed();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, "docs", name);
const journal = () => join(folder, "ingested.ndjson");

function write(name: string, text: string): void {
  mkdirSync(dirname(at(name)), { recursive: true });
  writeFileSync(at(name), text);
}

interface MirrorRun extends Partial<MirrorOptions> {
  readonly corpus?: CorpusOptions;
  readonly ingest?: Partial<IngestOptions>;
}

async function mirror({ corpus: reading, ingest, ...given }: MirrorRun = {}) {
  const prefix = reading?.prefix ?? "";
  const corpus = await readCorpora([join(folder, "docs")], reading);
  const options = { scopes: [prefix], isNamed: prefix !== "", yes: false, ...given };
  const { contents } = corpus;
  return ingestCorpus({
    documents: corpus.documents,
    tenant: demo,
    log: engine.log,
    clock: systemClock,
    signal: new AbortController().signal,
    seenPath: journal(),
    stallMs: 200,
    mirror: {
      isInScope: (id) => isInScope(id, options.scopes),
      ids: () => contents.ids.keys(),
      listed: listing,
      plan: (state) => planMirror(options, { ...state, contents, hasCome: () => false }),
    },
    ...ingest,
  });
}

const found = async () => Object.fromEntries(await engine.texts());

describe("what the log says decides (IN4)", () => {
  it("so a document that another publisher deleted is sent again, as often as it happens", async () => {
    write("sauna.txt", "on Thursdays");
    await mirror();
    for (let round = 0; round < 3; round += 1) {
      await engine.publish({ id: "sauna.txt", op: "delete" });
      expect(await mirror()).toMatchObject({ documents: 1, visible: 1, unchanged: 0 });
      expect(await found()).toEqual({ "sauna.txt": "on Thursdays" });
      expect(await mirror()).toMatchObject({ documents: 0, unchanged: 1 });
    }
  });

  it("so one that another publisher overwrote is restored", async () => {
    write("sauna.txt", "on Thursdays");
    await mirror();
    await engine.publish({ id: "sauna.txt", text: "a test" });
    expect(await mirror()).toMatchObject({ documents: 1 });
    expect(await found()).toEqual({ "sauna.txt": "on Thursdays" });
  });

  it("also when the heads are merged and the records purged", async () => {
    write("a.txt", "a");
    write("b.txt", "b");
    await mirror();
    await engine.merge();
    expect(await mirror()).toMatchObject({ documents: 0, unchanged: 2 });
    await engine.publish({ id: "a.txt", op: "delete" });
    await engine.merge();
    expect(await mirror()).toMatchObject({ documents: 1, unchanged: 1 });
    expect(await found()).toEqual({ "a.txt": "a", "b.txt": "b" });
  });

  it("also when what was sent is not processed yet", async () => {
    write("a.txt", "a");
    engine.process = async () => {};
    const options = { ingest: { wait: false } };
    expect(await mirror(options)).toMatchObject({ documents: 1 });
    expect(await mirror(options)).toMatchObject({ documents: 0, unchanged: 1 });
    const payload = Buffer.from('{"id":"a.txt","op":"delete"}');
    await engine.memory.docs.publish({ tenant: demo, payload });
    expect(await mirror(options)).toMatchObject({ documents: 1, unchanged: 0 });
  });

  it("so a repetition that is not what the log has is sent as something new (IN5)", async () => {
    write("a.txt", "a");
    await mirror();
    const memory = journal();
    rmSync(memory);
    await engine.publish({ id: "a.txt", op: "delete" });
    expect(await mirror()).toMatchObject({ documents: 1, superseded: 1, unchanged: 0 });
    expect(await found()).toEqual({ "a.txt": "a" });
    expect(await mirror()).toMatchObject({ documents: 0, unchanged: 1 });
  });

  it("and a refused document is sent again by the next run", async () => {
    write("a.txt", "a");
    engine.refuses = () => true;
    expect(await mirror()).toMatchObject({ rejected: 1 });
    engine.refuses = () => false;
    await engine.publish({ id: "other", text: "x" });
    rmSync(at("a.txt"));
    write("a.txt", "b");
    expect(await mirror({ yes: false })).toMatchObject({ visible: 1 });
  });
});

describe("a mirror", () => {
  it("deletes what is gone and follows what was moved, in its scope only", async () => {
    await engine.publish({ id: "other/kept", text: "of another publisher" });
    for (const name of ["a.txt", "sub/b.txt", "c.txt"]) write(name, name);
    const options = { corpus: { prefix: "wiki/" } };
    await mirror(options);
    rmSync(at("a.txt"));
    renameSync(at("sub/b.txt"), at("moved.txt"));
    const { mirror: plan, deleted } = await mirror(options);
    expect(plan).toMatchObject({ live: 4, deletes: ["wiki/a.txt", "wiki/sub/b.txt"], kept: 0 });
    expect(deleted).toBe(2);
    expect(await found()).toEqual({
      "other/kept": "of another publisher",
      "wiki/c.txt": "c.txt",
      "wiki/moved.txt": "sub/b.txt",
    });
  });

  it("sends nothing in a preview, and remembers nothing of it", async () => {
    write("a.txt", "a");
    write("b.txt", "b");
    await mirror();
    rmSync(at("a.txt"));
    write("b.txt", "changed");
    write("c.txt", "c");
    const before = await engine.memory.docs.lastSequence();
    const preview = { ingest: { dryRun: true, wait: false } };
    for (let times = 0; times < 2; times += 1) {
      const { documents, unchanged, mirror: plan } = await mirror(preview);
      expect([documents, unchanged, plan?.deletes]).toEqual([2, 0, ["a.txt"]]);
    }
    expect(await engine.memory.docs.lastSequence()).toBe(before);
    expect(await mirror()).toMatchObject({ documents: 2, deleted: 1 });
  });

  it("brings a document back that it deleted a moment ago", async () => {
    write("a.txt", "a");
    write("b.txt", "b");
    await mirror();
    for (let round = 0; round < 3; round += 1) {
      rmSync(at("a.txt"));
      await mirror();
      expect(await found()).toEqual({ "b.txt": "b" });
      write("a.txt", "a");
      await mirror();
      expect(await found()).toEqual({ "a.txt": "a", "b.txt": "b" });
    }
  });

  it("deletes nothing of an empty source, of others, or of much, unless it was told to (MI2)", async () => {
    const many = limits.ingestDeleteFreelyMax + 1;
    for (let n = 0; n < many + 1; n += 1) write(`${n}.txt`, "x");
    await mirror();
    for (let n = 0; n < many; n += 1) rmSync(at(`${n}.txt`));
    expect((await mirror()).mirror?.refused).toContain("more than 10");
    const percent = { kind: "percent", share: 50 } as const;
    expect((await mirror({ deleteMax: percent })).mirror?.refused).toContain("more than 6");
    rmSync(at(`${many}.txt`));
    expect((await mirror()).mirror?.refused).toContain("is empty");
    expect(Object.keys(await found())).toHaveLength(many + 1);
    write("0.txt", "x");
    await engine.publish({ id: "theirs", text: "x" });
    const deleteMax = { kind: "documents", count: 100 } as const;
    const refused = (await mirror({ deleteMax })).mirror?.refused;
    expect(refused).toContain("1 documents of the tenant were not published from here");
    expect((await mirror({ yes: true })).deleted).toBe(many + 1);
    expect(await found()).toEqual({ "0.txt": "x" });
  });

  it("keeps what is there and could not be read (MI1)", async () => {
    for (const name of ["a.txt", "b.txt", "sub/c.txt", "d.txt"]) write(name, "x");
    await mirror();
    write("a.txt", Buffer.from([0xff]).toString("latin1"));
    writeFileSync(at("a.txt"), Buffer.from([0x63, 0xe9]));
    writeFileSync(at("sub/.freshetignore"), "#".repeat(limits.ingestIgnoreFileBytesMax + 1));
    rmSync(at("d.txt"));
    const options = { corpus: { ignoreFiles: true } };
    // What cannot be read may be a list of documents with any ids: all of them stay.
    expect((await mirror(options)).mirror?.refused).toContain("could not be read whole");
    rmSync(at("sub/.freshetignore"));
    expect((await mirror(options)).mirror).toMatchObject({ kept: 1, deletes: ["d.txt"] });
    expect(Object.keys(await found()).sort()).toEqual(["a.txt", "b.txt", "sub/c.txt"]);
    writeFileSync(at("a.txt"), "");
    expect((await mirror(options)).mirror).toMatchObject({ kept: 0, deletes: ["a.txt"] });
  });

  it("asks for names that records and memory have lost, and says how many it cannot get", async () => {
    write("a.txt", "a");
    write("b.txt", "b");
    await mirror();
    await engine.merge();
    await engine.publish({ id: "later", text: "x" });
    await engine.merge();
    rmSync(journal());
    rmSync(at("a.txt"));
    listing = async function* () {};
    const preview = { yes: true, ingest: { dryRun: true, wait: false } };
    expect((await mirror(preview)).mirror).toMatchObject({ deletes: ["later"], unnamed: 1 });
    listing = () => engine.listed();
    expect((await mirror({ yes: true })).mirror).toMatchObject({
      deletes: ["a.txt", "later"],
      unnamed: 0,
    });
  });
});

describe("a mirror that is killed at any moment", () => {
  const name = fc.constantFrom("a.txt", "b.txt", "s/a.txt", "s/t/c.txt", "d.txt", "é.txt");
  const text = fc.constantFrom("one", "two", "three");
  const action = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("write" as const), name, text }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("remove" as const), name }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("move" as const), name, to: name }) },
    fc.record({ kind: fc.constant("overwritten" as const), name, text }),
    fc.record({ kind: fc.constant("deleted" as const), name }),
    fc.record({ kind: fc.constant("merge" as const) }),
    fc.record({ kind: fc.constant("mirror" as const) }),
    fc.record({
      kind: fc.constant("killed" as const),
      publishes: fc.nat(4),
      stored: fc.boolean(),
    }),
  );
  const prefix = "m/";
  const options: MirrorRun = { yes: true, corpus: { prefix } };

  it("ends with the log equal to the folder, and its neighbours as they were (I3)", async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 4, maxLength: 25 }), async (actions) => {
        folder = join(folder.split("/round-")[0] as string, `round-${(round += 1)}`);
        mkdirSync(join(folder, "docs"), { recursive: true });
        engine = new LogEngine(demo);
        await engine.publish({ id: "neighbour", text: "stays" });
        const files = new Map<string, string>();
        for (const one of actions) await act(one, files);
        await mirror(options);
        const expected = [...files].map(([file, content]) => [prefix + file, content]);
        expect(await found()).toEqual({ ...Object.fromEntries(expected), neighbour: "stays" });
        // And then there is nothing left to do.
        const again = await mirror(options);
        expect([again.documents, again.deleted]).toEqual([0, 0]);
      }),
      { numRuns: runs(30) },
    );
  }, 120_000);

  async function act(one: FcValue<typeof action>, files: Map<string, string>): Promise<void> {
    switch (one.kind) {
      case "write":
        write(one.name, one.text);
        files.set(one.name, one.text);
        break;
      case "remove":
        rmSync(at(one.name), { force: true });
        files.delete(one.name);
        break;
      case "move":
        if (!existsSync(at(one.name))) break;
        mkdirSync(dirname(at(one.to)), { recursive: true });
        renameSync(at(one.name), at(one.to));
        {
          const content = files.get(one.name) as string;
          files.delete(one.name);
          files.set(one.to, content);
        }
        break;
      case "overwritten":
        await engine.publish({ id: prefix + one.name, text: `not ${one.text}` });
        break;
      case "deleted":
        await engine.publish({ id: prefix + one.name, op: "delete" });
        break;
      case "merge":
        await engine.merge();
        break;
      case "mirror":
        await mirror(options);
        break;
      case "killed":
        await killed(one);
        break;
    }
  }

  /** What is on disk at that moment is what is left: nothing runs after a kill. */
  async function killed({ publishes, stored }: { publishes: number; stored: boolean }) {
    let left = publishes;
    let wasKilled = false;
    const copy = `${journal()}.copy`;
    engine.onPublish = async (publish) => {
      if (wasKilled) throw new Error("killed");
      if ((left -= 1) >= 0) return publish();
      if (stored) await publish();
      wasKilled = true;
      cpSync(journal(), copy);
      throw new Error("killed");
    };
    await mirror(options).catch(() => undefined);
    engine.onPublish = (publish) => publish();
    if (wasKilled) renameSync(copy, journal());
  }
});

type FcValue<Arbitrary> = Arbitrary extends fc.Arbitrary<infer Value> ? Value : never;

it("a scope is the beginning of an id", () => {
  expect(isInScope("a/b", ["a/"])).toBe(true);
  expect(isInScope("ab", ["a/"])).toBe(false);
  expect(isInScope("anything", [""])).toBe(true);
});

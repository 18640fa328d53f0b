import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Seen } from "../../src/cli/ingest/seen.ts";
import { TenantState } from "../../src/cli/ingest/tenant-state.ts";
import { type DocumentId, tenantId, type Version } from "../../src/contract/ids.ts";
import { LogEngine } from "../support/log-engine.ts";

const demo = tenantId("demo");
const { signal } = new AbortController();
const a = "a" as DocumentId;

describe("what the log says of a tenant", () => {
  let engine: LogEngine;
  beforeEach(() => {
    engine = new LogEngine(demo);
  });
  const stateOf = (names = () => true) =>
    new TenantState({ tenant: demo, log: engine.log, signal, names });

  it("follows it from refresh to refresh, through merges and purges (LV1)", async () => {
    const state = stateOf();
    await state.refresh();
    expect(state.versionOf(a)).toBeUndefined();
    await engine.publish({ id: "a", text: "one" });
    await state.refresh();
    const first = state.versionOf(a);
    expect(first).toBeDefined();
    await engine.publish({ id: "a", text: "two" });
    await engine.merge();
    await engine.publish({ id: "b", text: "b" });
    await engine.publish({ id: "c", text: "c" });
    await engine.merge();
    // What it has folded up to is purged: it begins again from the manifest.
    await state.refresh();
    expect(state.versionOf(a)).toBeGreaterThan(first ?? 0);
    await engine.publish({ id: "a", op: "delete" });
    await state.refresh();
    expect(state.versionOf(a)).toBeUndefined();
    expect([...state.live(["b"]).live].sort()).toEqual(["b", "c"]);
  });

  it("counts what is not processed yet as applied, until it is refused (LV2)", async () => {
    const state = stateOf();
    const { process } = engine;
    engine.process = async () => {};
    const payload = Buffer.from('{"id":"a","text":"x"}');
    const { seq } = await engine.memory.docs.publish({ tenant: demo, payload });
    await engine.memory.docs.publish({ tenant: demo, payload: Buffer.from("no JSON") });
    await state.refresh();
    expect([state.versionOf(a), state.live([])]).toEqual([seq, { live: new Set([a]), unnamed: 0 }]);
    expect(Buffer.from((await state.payloadOf(seq)) ?? [])).toEqual(payload);
    engine.process = process;
    engine.refuses = () => true;
    await engine.process();
    await state.refresh();
    expect(state.versionOf(a)).toBeUndefined();
  });

  it("says how many documents it cannot name", async () => {
    for (const id of ["a", "b", "c"]) await engine.publish({ id, text: "x" });
    await engine.merge();
    const state = stateOf();
    await state.refresh();
    expect(state.live(["a"])).toMatchObject({ unnamed: 1 });
    expect(state.live(["a", "b", "nowhere"])).toMatchObject({ unnamed: 0 });
  });
});

describe("the memory of a publisher", () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "freshet-seen-"));
    path = join(folder, "deep/ingested.ndjson");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const log = { deployment: "d1", lastSequence: async () => 100 };
  const entry = { digest: "abc", version: 7 as Version };

  it("is there after a kill: a line is written when something happens (JN1)", async () => {
    const killed = await Seen.open(path, log);
    killed.put("a", entry);
    killed.intend("b");
    killed.put("c", entry);
    killed.forget("c");
    const left = await Seen.peek(path, log);
    expect([left.get("a"), left.has("b"), left.has("c")]).toEqual([entry, true, false]);
    expect(left.get("b")?.digest).toBeUndefined();
  });

  it("survives half a line, and what is written after it", async () => {
    (await Seen.open(path, log)).put("a", entry);
    writeFileSync(path, `${readFileSync(path, "utf8")}{"id":"half","dig`);
    const next = await Seen.open(path, log);
    next.put("b", entry);
    const left = await Seen.peek(path, log);
    expect([left.get("a"), left.get("b"), left.has("half")]).toEqual([entry, entry, false]);
    next.close();
    expect(readFileSync(path, "utf8").split("\n")).toHaveLength(4);
  });

  it("of an id that is also a name of every object keeps it", async () => {
    const seen = await Seen.open(path, log);
    for (const id of ["__proto__", "constructor"]) seen.put(id, entry);
    seen.close();
    expect((await Seen.peek(path, log)).get("__proto__")).toEqual(entry);
  });

  it.each([
    ["another log", { deployment: "d2", lastSequence: async () => 100 }],
    ["a log that lost its end", { deployment: "d1", lastSequence: async () => 6 }],
    ["another incarnation", { deployment: "d1", lastSequence: async () => 2 ** 41 }],
  ])("says nothing of %s (JN2)", async (_name, other) => {
    const seen = await Seen.open(path, log);
    seen.put("a", entry);
    seen.close();
    expect((await Seen.peek(path, other)).has("a")).toBe(false);
    expect((await Seen.open(path, other)).has("a")).toBe(false);
  });

  it("keeps what several runs at once published (JN3)", async () => {
    const [one, other] = [await Seen.open(path, log), await Seen.open(path, log)];
    one.put("a", entry);
    other.put("b", entry);
    other.put("both", { digest: "new", version: 9 as Version });
    one.put("both", entry);
    one.close();
    other.put("c", entry);
    // It is killed: the file that it had begun with is gone, its lines are not.
    const left = await Seen.peek(path, log);
    expect(["a", "b", "c", "both"].map((id) => left.get(id)?.version)).toEqual([7, 7, 7, 9]);
    other.close();
    const after = await Seen.peek(path, log);
    expect(["a", "b", "c", "both"].map((id) => after.get(id)?.version)).toEqual([7, 7, 7, 9]);
  });

  it("is not taken for that of another log by what a run publishes meanwhile (JN2)", async () => {
    const other = await Seen.open(path, log);
    other.put("a", entry);
    const lastSequence = async (): Promise<number> => {
      other.put("b", { digest: "abc", version: 101 as Version });
      return 100;
    };
    expect((await Seen.open(path, { ...log, lastSequence })).has("a")).toBe(true);
    const left = await Seen.peek(path, { ...log, lastSequence: async () => 101 });
    expect([left.has("a"), left.has("b")]).toEqual([true, true]);
  });
});

/** Generations that begin, or are given up, while a backup reads (XC2). */

import { beforeEach, expect, it } from "vitest";
import { createBackup } from "../../../src/cli/backup/create.ts";
import {
  abandon,
  begin,
  cutOver,
  feed,
  finish,
  firstGeneration,
  join,
  type TenantGenerations,
} from "../../../src/contract/generation.ts";
import type { Position, TenantId, Version } from "../../../src/contract/ids.ts";
import { createMemoryLog, type MemoryLog } from "../../../src/log/memory/log.ts";
import { encodeGenerations } from "../../../src/log/wire/generation.ts";
import { generationsSubject } from "../../../src/log/wire/subjects.ts";
import { coldKit, MemoryStore, MemoryStreams, partsOf, silentProgress } from "./kit.ts";

const demo = "demo" as TenantId;
const plan = { model: "other", probe: "p", from: 0 as Position, upTo: 0 as Version };
const building = begin(firstGeneration, plan);
const fed = feed(join(building, 2), { number: 2, builtTo: 0 as Version });
const cut = cutOver(fed, { at: 14 as Version, atMs: 1, isForced: true });
let log: MemoryLog;
let source: MemoryStreams;
let said: string[];

beforeEach(() => {
  log = createMemoryLog();
  source = new MemoryStreams();
  said = [];
  const body = new TextEncoder().encode("document");
  source.add("DOCS", [{ subject: "docs.0.demo", seq: 14, atMs: 14, body }]);
});

/** What the stream holds when it is copied. */
function copied(record: TenantGenerations | undefined): void {
  const entry = (body: Uint8Array) => ({
    subject: generationsSubject(demo),
    seq: 9,
    atMs: 9,
    body,
  });
  source.add(
    "KV_freshet_manifests",
    record === undefined ? [] : [entry(encodeGenerations(record))],
  );
}

const stored = (record: TenantGenerations) => log.generations.put(demo, record, 0);

const create = () =>
  createBackup({
    ...{ log, copies: source, objects: coldKit().objects, parts: partsOf(new MemoryStore()) },
    progress: { ...silentProgress, say: (what: string) => void said.push(what) },
    ...{ signal: new AbortController().signal, nowMs: () => 1_764_500_000_000, version: "1.2.3" },
  });

it.each<readonly [string, TenantGenerations | undefined, TenantGenerations]>([
  ["one began", undefined, building],
  ["it was abandoned", building, abandon(building)],
  ["the old one was given up", fed, finish(cut)],
  ["another one began", building, begin(abandon(building), plan)],
])(
  "where %s, what is stored is not what the record says, and no backup is made of it",
  async (_, before, now) => {
    await stored(now);
    copied(before);
    await expect(create()).rejects.toThrow(/generations of demo began or were given up/);
  },
);

it("it is read again, and is made of what the record says then", async () => {
  await stored(finish(cut));
  copied(fed);
  const read = source.read.bind(source);
  source.read = async (name) => {
    if (said.length > 0 && name === "KV_freshet_manifests") copied(finish(cut));
    return await read(name);
  };
  expect((await create()).backup.seq).toBe(14);
  expect(said).toEqual([expect.stringMatching(/given up while they were read: reading again/)]);
});

it.each<readonly [string, TenantGenerations, TenantGenerations]>([
  ["a build goes on", building, fed],
  ["the other one answers", fed, cut],
])("where %s it is made at once", async (_, before, now) => {
  await stored(now);
  copied(before);
  expect((await create()).backup.seq).toBe(14);
  expect(said).toEqual([]);
});

it("a tenant that was erased meanwhile is not waited for", async () => {
  await stored(abandon(building));
  await log.lives.put(demo, { state: "erasing", atMs: 1 }, 0);
  copied(building);
  expect((await create()).backup.seq).toBe(14);
});

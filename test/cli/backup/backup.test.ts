import { beforeEach, expect, it } from "vitest";
import { createBackup } from "../../../src/cli/backup/create.ts";
import { backupIds, checkStore, chosenId, readIndex } from "../../../src/cli/backup/index-file.ts";
import { restoreBackup } from "../../../src/cli/backup/restore.ts";
import { verifyBackup } from "../../../src/cli/backup/verify.ts";
import type { DocumentId, TenantId, Version } from "../../../src/contract/ids.ts";
import { limits } from "../../../src/contract/limits.ts";
import type { Manifest } from "../../../src/contract/manifest.ts";
import { fingerprintOf } from "../../../src/heads/fingerprint.ts";
import { Heads } from "../../../src/heads/heads.ts";
import { encodePieces } from "../../../src/heads/pieces.ts";
import { createMemoryLog, type MemoryLog } from "../../../src/log/memory/log.ts";
import type { NewEntry } from "../../../src/log/wire/archive.ts";
import { encodeIdentity } from "../../../src/log/wire/identity.ts";
import { encodeManifest } from "../../../src/log/wire/manifest.ts";
import { manifestSubject } from "../../../src/log/wire/subjects.ts";
import { coldObject } from "../../cold/objects.ts";
import {
  type ColdKit,
  coldKit,
  MemoryStore,
  MemoryStreams,
  partsOf,
  silentProgress,
} from "./kit.ts";

const demo = "demo" as TenantId;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const signal = new AbortController().signal;
const nowMs = (): number => 1_764_500_000_000;
let log: MemoryLog;
let source: MemoryStreams;
let store: MemoryStore;
let cold: ColdKit;

const record = (seq: number, previous: number, version: number): NewEntry => ({
  ...{ subject: "chunks.0.demo", seq, atMs: seq, body: text(`record ${seq}`) },
  headers: {
    "Freshet-Kind": "upsert",
    "Freshet-Version": String(version),
    "Freshet-Epoch": "1",
    "Nats-Expected-Last-Subject-Sequence": String(previous),
  },
});
const identity = encodeIdentity({
  ...{ format: 1, state: "ready", createdAtMs: 5, partitions: 8, incarnation: 1, leases: 1 },
});
const operation = (seq: number): NewEntry => ({
  ...{ subject: "docs.0.demo", seq, atMs: seq, body: text(`document ${seq}`) },
});

/** Merged up to position 20; a record above it, and an operation that waits. */
beforeEach(async () => {
  log = createMemoryLog();
  store = new MemoryStore();
  source = new MemoryStreams();
  cold = coldKit();
  const heads = new Heads([[fingerprintOf(demo, "a" as DocumentId), 12 as Version]]);
  const [piece = new Uint8Array()] = encodePieces(heads, 100);
  const digest = await log.manifests.putPiece(demo, piece);
  const manifest = {
    ...{ format: 2, to: 20, version: 12, incarnation: 0, documents: 1, workflowId: "w" },
    ...{ pieces: [{ digest, entries: 1 }], confirmed: 20 },
  } as unknown as Manifest;
  await log.manifests.commit(demo, manifest, 0);
  await cold.cold.ensureTenant(demo);
  await cold.cold.upsert(demo, [
    coldObject(demo, { id: "a", version: 12 }),
    coldObject(demo, { id: "a", version: 3 }),
  ]);
  const { payload, headers } = encodeManifest(manifest);
  source.add("KV_freshet_manifests", [
    { subject: "$KV.freshet_manifests.identity", seq: 1, atMs: 1, body: identity },
    { subject: manifestSubject(demo), seq: 2, atMs: 2, headers, body: payload },
  ]);
  source.add("CHUNKS", [record(21, 20, 13), record(23, 21, 14)], 25);
  source.add("DOCS", [operation(14), operation(15)], 16);
  source.add("DLQ", []);
  source.add("HEADS", []);
  source.add("KV_freshet_leases", []);
});

const create = () =>
  createBackup({
    ...{ log, copies: source, objects: cold.objects, parts: partsOf(store), signal, nowMs },
    ...{ progress: silentProgress, version: "1.2.3" },
  });

async function restoreInto(copies: MemoryStreams, to: ColdKit, id?: string): Promise<string> {
  const backup = await readIndex(store, id ?? (await newest()));
  const { outcome } = await restoreBackup(backup, {
    ...{ copies, objectsOf: () => to.objects, parts: partsOf(store), signal },
    ...{
      where: "nats://new",
      progress: silentProgress,
      nowMs,
      random: () => 0.5,
      gap: limits.backupSequenceGap,
    },
  });
  return outcome;
}

async function newest(): Promise<string> {
  const [id = ""] = await backupIds(store);
  return id;
}

const verify = async () =>
  verifyBackup(await readIndex(store, await newest()), {
    ...{ parts: partsOf(store), progress: silentProgress, signal },
  });

it("names one sequence for each tenant, and is whole", async () => {
  const { backup } = await create();
  expect(backup).toMatchObject({ seq: 16, dimensions: 384 });
  expect(backup.tenants).toMatchObject([
    { tenant: demo, seq: 15, cursor: 14, position: 23, merged: { to: 20, objects: 1, lacking: 0 } },
  ]);
  expect(await verify()).toMatchObject({ faults: [], messages: 6, objects: 1 });
});

it("comes back message by message, and continues above all that was given out", async () => {
  await create();
  const [target, other] = [new MemoryStreams(), coldKit()];
  expect(await restoreInto(target, other)).toBe("restored");
  const { KV_freshet_leases: _, HEADS, ...content } = target.content();
  const { KV_freshet_leases: __, HEADS: ___, ...before } = source.content();
  expect(HEADS).toHaveLength(1);
  expect(content).toEqual({
    ...before,
    KV_freshet_manifests: [
      ...(before["KV_freshet_manifests"] ?? []),
      expect.stringMatching(/^1048579 \$KV.freshet_manifests.tenant.demo /),
      expect.stringMatching(/^1048580 \$KV.freshet_manifests.identity .*"createdAtMs":17645/),
    ],
  });
  expect(target.streams.get("DOCS")?.lastSeq).toBe(16 + limits.backupSequenceGap);
  expect(target.streams.get("CHUNKS")?.lastSeq).toBe(25 + limits.backupSequenceGap);
  expect(await other.cold.count(demo)).toBe(1);
  expect(await other.cold.readMarker(demo)).toEqual({ to: 20, version: 12 });
  expect(target.mark).toBeNull();
});

it("a second backup of the same log writes its index alone", async () => {
  await create();
  const parts = store.files.size;
  await create();
  expect(store.files.size).toBe(parts + 1);
});

it("wherever it is cut off it is none, and the next one is made", async () => {
  for (let puts = 0; ; puts += 1) {
    store = new MemoryStore();
    store.putsLeft = puts;
    const isMade = await create().then(
      () => true,
      () => false,
    );
    if (isMade) break;
    expect(await backupIds(store)).toEqual([]);
    store.putsLeft = Number.POSITIVE_INFINITY;
    await create();
    expect((await verify()).faults).toEqual([]);
  }
  expect(store.files.size).toBeGreaterThan(5);
});

it("wherever a restore is cut off, the log's identity is not there, and it can begin again", async () => {
  await create();
  for (let changes = 1; ; changes += 1) {
    const [target, other] = [new MemoryStreams(), coldKit()];
    let left = changes;
    target.onChange = () => {
      left -= 1;
      if (left === 0) throw new Error("killed");
    };
    const outcome = await restoreInto(target, other).catch(() => "killed");
    if (outcome !== "killed") break;
    target.onChange = () => {};
    // The last change of all takes the mark away, after the manifests are there.
    const isThere = target.streams.has("KV_freshet_manifests");
    const again = await restoreInto(target, other).catch((thrown) => String(thrown));
    expect(again).toBe(isThere ? "done before" : "restored");
    expect(target.mark).toBeNull();
    expect(await other.cold.count(demo)).toBe(1);
  }
});

it("a log that an engine began while a restore was cut off is never taken for the backup (BK2)", async () => {
  await create();
  const [target, other] = [new MemoryStreams(), coldKit()];
  target.onChange = () => {
    if (target.mark !== null) throw new Error("killed");
  };
  await expect(restoreInto(target, other)).rejects.toThrow("killed");
  expect([target.mark === null, target.streams.size]).toEqual([false, 0]);
  target.onChange = () => {};
  target.add("KV_freshet_manifests", [
    { subject: "$KV.freshet_manifests.identity", seq: 1, atMs: 9, body: identity },
  ]);
  await expect(restoreInto(target, other)).rejects.toThrow(/nothing of a backup/);
  expect(await other.cold.count(demo)).toBe(0);
});

it("any part that was changed or is missing is named, and nothing else", async () => {
  await create();
  const parts = [...store.files.keys()].filter((name) => name.startsWith("parts/"));
  for (const name of parts) {
    const bytes = store.files.get(name) ?? new Uint8Array();
    store.files.set(
      name,
      Uint8Array.from(bytes, (byte, at) => (at === 9 ? byte ^ 1 : byte)),
    );
    expect((await verify()).faults.join()).toContain(name);
    store.files.delete(name);
    expect((await verify()).faults.join()).toMatch(new RegExp(`${name} is missing`));
    store.files.set(name, bytes);
  }
  expect((await verify()).faults).toEqual([]);
});

it("all parts that are damaged are named at once, and no tenant is blamed for them", async () => {
  const many = Array.from({ length: 3_000 }, (_, at) => operation(14 + at));
  source.add("DOCS", many);
  await create();
  const parts = [...store.files.keys()].filter((name) => name.startsWith("parts/"));
  expect(parts.length).toBeGreaterThan(5);
  const faultsWhere = async (spoil: (bytes: Uint8Array) => Uint8Array | undefined) => {
    const kept = new Map(store.files);
    for (const name of parts) {
      const spoilt = spoil(kept.get(name) ?? new Uint8Array());
      if (spoilt === undefined) store.files.delete(name);
      else store.files.set(name, spoilt);
    }
    const { faults } = await verify();
    for (const [name, bytes] of kept) store.files.set(name, bytes);
    return [...faults].sort();
  };
  const all = (what: string) =>
    parts.map((name) => `memory/${name} is ${what}: this backup cannot be restored`).sort();
  expect(await faultsWhere(() => undefined)).toEqual(all("missing"));
  expect(await faultsWhere((bytes) => bytes.subarray(0, -3))).toEqual(all("damaged"));
  expect(await faultsWhere(() => new Uint8Array())).toEqual(all("damaged"));
  const [other = new Uint8Array()] = [...store.files.values()];
  expect(await faultsWhere(() => other)).toHaveLength(parts.length);
});

it("a tenant whose chain is broken is named, and costs the others nothing", async () => {
  const damaged = { ...record(24, 22, 14), headers: { ...record(24, 22, 14).headers } };
  source.add("CHUNKS", [record(21, 20, 13), damaged], 25);
  const fault = "its records after position 20 are not all there";
  expect((await create()).backup.tenants).toMatchObject([{ tenant: demo, fault }]);
  expect((await verify()).faults).toEqual([`demo: ${fault}`]);
  damaged.headers["Freshet-Version"] = "x";
  source.add("CHUNKS", [record(21, 20, 13), damaged], 25);
  expect((await create()).backup.tenants).toMatchObject([{ fault, cursor: 13 }]);
});

it("is not made of a log whose records answer what is not in it", async () => {
  source.add("CHUNKS", [record(21, 20, 17)], 25);
  await expect(create()).rejects.toThrow(/answer operations after the end/);
  expect(await backupIds(store)).toEqual([]);
});

it("refuses a place or a target that is not what it must be, and says what to do", async () => {
  await expect(chosenId(store, undefined)).rejects.toThrow(/holds no backups/);
  await create();
  const [target, other] = [new MemoryStreams(), coldKit()];
  target.engines = 1;
  await expect(restoreInto(target, other)).rejects.toThrow(/an engine is running/);
  target.engines = 0;
  target.add("DOCS", []);
  await expect(restoreInto(target, other)).rejects.toThrow(/holds a log \(DOCS\)/);
  store.files.set("freshet-backups.json", text('{"freshet":"backups","format":9}'));
  await expect(checkStore(store)).rejects.toThrow(/later Freshet/);
  store.files.delete("freshet-backups.json");
  await expect(checkStore(store)).rejects.toThrow(/backups.json is missing: .*"format":1/);
  store.files.delete(`backups/${await newest()}.json.gz`);
  await expect(checkStore(store)).rejects.toThrow(/holds files, and no backups of Freshet/);
});

it("a restore beside another one removes nothing of what that one wrote (BK5)", async () => {
  await create();
  const [target, other] = [new MemoryStreams(), coldKit()];
  target.mark = JSON.stringify({ id: await newest(), createdAtMs: 1 });
  target.add("DOCS", []);
  target.restores = 1;
  await expect(restoreInto(target, other)).rejects.toThrow(/another restore is running/);
  expect(await target.names()).toEqual(["DOCS"]);
  target.restores = 0;
  expect(await restoreInto(target, other)).toBe("restored");
});

it("an erased tenant's objects are not kept", async () => {
  await log.lives.put(demo, { state: "erasing", atMs: 1 }, 0);
  const { backup } = await create();
  expect(backup.tenants).toMatchObject([{ tenant: demo, isErased: true }]);
  expect(backup.tenants[0]?.merged).toBeUndefined();
});

it("a restore of another backup leaves nothing of the one that was cut off (BK2)", async () => {
  const { backup: first } = await create();
  await log.lives.put(demo, { state: "erasing", atMs: 1 }, 0);
  const { backup: second } = await create();
  const [target, other] = [new MemoryStreams(), coldKit()];
  target.onChange = () => {
    if (other.cold.objects(demo).length > 0) throw new Error("killed");
  };
  await expect(restoreInto(target, other, first.id)).rejects.toThrow("killed");
  expect(await other.cold.hasTenant(demo)).toBe(true);
  target.onChange = () => {};
  expect(await restoreInto(target, other, second.id)).toBe("restored");
  expect(await other.cold.hasTenant(demo)).toBe(false);
});

it("what cannot be removed of another backup's restore is another deployment's (BK2, BK4)", async () => {
  const { backup: first } = await create();
  const { backup: second } = await create();
  const target = new MemoryStreams();
  const kits = new Map<string, ColdKit>();
  const said: string[] = [];
  let now = nowMs();
  const restore = (backup: typeof first) =>
    restoreBackup(backup, {
      ...{ copies: target, parts: partsOf(store), signal, where: "nats://new", gap: 1 },
      ...{ progress: { ...silentProgress, say: (line: string) => said.push(line) } },
      ...{ nowMs: () => (now += 1), random: () => 0.5 },
      objectsOf: (deployment) => {
        const kit = kits.get(deployment) ?? coldKit();
        kits.set(deployment, kit);
        return kit.objects;
      },
    });
  target.onChange = () => {
    if ([...kits.values()].some((kit) => kit.cold.objects(demo).length > 0)) {
      throw new Error("killed");
    }
  };
  await expect(restore(first)).rejects.toThrow("killed");
  const [lost] = kits.keys();
  target.onChange = () => {};
  store.files.delete(`backups/${first.id}.json.gz`);
  const { outcome, deployment } = await restore(second);
  expect(outcome).toBe("restored");
  expect(deployment).not.toBe(lost);
  expect(said.join("\n")).toContain(`backup ${first.id} cannot be read`);
  expect(kits.get(deployment)?.cold.objects(demo)).toHaveLength(1);
});

it("is as old as the first thing that it read: what was erased meanwhile may be in it (XC4)", async () => {
  let now = 1_764_500_000_000;
  const objects: ColdKit["objects"] = {
    ...cold.objects,
    async *pages(live) {
      yield* cold.objects.pages(live);
      now += 3_600_000;
    },
  };
  const { backup } = await createBackup({
    ...{ log, copies: source, objects, parts: partsOf(store), signal, nowMs: () => now },
    ...{ progress: silentProgress, version: "1.2.3" },
  });
  expect(Date.parse(backup.createdAt)).toBe(1_764_500_000_000);
  expect(backup.id.startsWith("20251130T105320Z-")).toBe(true);
});

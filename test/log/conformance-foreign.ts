/**
 * Foreign messages in the log (L7): passed over and named; a damaged record stops its own tenant
 * alone.
 */

import { describe, expect, it } from "vitest";
import {
  type DocumentId,
  type Partition,
  type Position,
  partitionOf,
  type TenantId,
  type Version,
} from "../../src/contract/ids.ts";
import { emptyManifest, type Manifest } from "../../src/contract/manifest.ts";
import type { DeadLetter } from "../../src/log/dead-letter-port.ts";
import { conditionHeaders, wireHeaders } from "../../src/log/wire/record.ts";
import type { Opened } from "./harness.ts";
import { appendAll, collect, fence, reject, removal, take, upsert } from "./records.ts";

const zero = 0 as Position;
/** What a server's acknowledgement looks like, and what an answer of ours does. */
const ack = new TextEncoder().encode('{"stream":"DOCS","seq":7}');
const answerHeaders = { "Freshet-Event": "done" };
const brokenChain = { code: "broken_chain" };
const manifestOf = (workflowId: string): Manifest => ({ ...emptyManifest, workflowId });
const bytesOf = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

export function describeForeign(opened: Opened): void {
  describe("a foreign message", () => {
    describeRecords(opened);
    describeDamage(opened);
    describeManifests(opened);
    describeOthers(opened);
  });
}

function describeRecords(opened: Opened): void {
  it("is no record: an owner appends after it, and its chain has no gap", async () => {
    const { log, other, putForeignRecord } = opened.harness;
    const tenant = opened.tenant();
    const origin = { tenant, version: 1, epoch: 1 };
    await putForeignRecord(tenant, {}, ack);
    expect(await log.chunks.last(tenant)).toBeNull();
    expect(await log.chunks.first(tenant)).toBeNull();
    const [one = zero, two = zero] = await appendAll(log.chunks, [
      fence(origin),
      removal(origin, "a"),
    ]);
    await putForeignRecord(tenant, answerHeaders, ack);
    await putForeignRecord(tenant, {}, ack);
    expect(await other.chunks.last(tenant)).toMatchObject({ position: two, previous: one });
    const [three = zero] = await appendAll(log.chunks, [upsert(origin, "b")], two);
    const range = { tenant, after: zero, to: three };
    const placed = [
      { position: one, previous: 0 },
      { position: two, previous: one },
      { position: three, previous: two },
    ];
    expect(await collect(other.chunks.headers(range))).toMatchObject(placed);
    expect(await collect(other.chunks.read(range))).toMatchObject(placed);
    expect(await other.chunks.first(tenant)).toMatchObject(placed[0] ?? {});
  });

  it("is named once, with where it lies and without what is in it", async () => {
    const { log, putForeignRecord } = opened.harness;
    const tenant = opened.tenant();
    await putForeignRecord(tenant, { secret: "value" }, new TextEncoder().encode("a secret"));
    await log.chunks.last(tenant);
    await log.chunks.last(tenant);
    const named = log.quarantined().filter(({ subject }) => subject.endsWith(`.${tenant}`));
    expect(named).toEqual([
      { stream: "CHUNKS", seq: expect.any(Number), subject: expect.any(String), why: "foreign" },
    ]);
  });

  it("opens no way around the fence: an older owner that appends after it is refused (I6)", async () => {
    const { log, other, putForeignRecord } = opened.harness;
    const tenant = opened.tenant();
    const [old = zero] = await appendAll(log.chunks, [fence({ tenant, version: 0, epoch: 1 })]);
    await putForeignRecord(tenant, {}, ack);
    await appendAll(other.chunks, [fence({ tenant, version: 0, epoch: 2 })], old);
    await putForeignRecord(tenant, {}, ack);
    const late = await log.chunks.append(upsert({ tenant, version: 1, epoch: 1 }, "a"), old);
    expect(late).toMatchObject({ kind: "fenced", by: { epoch: 2 } });
    expect(await other.chunks.last(tenant)).toMatchObject({ kind: "fence", epoch: 2 });
  });

  it("does not hide that an append landed whose acknowledgement was lost", async () => {
    const { log, putForeignRecord, loseNextAppendAck } = opened.harness;
    const tenant = opened.tenant();
    const origin = { tenant, version: 1, epoch: 1 };
    const [at = zero] = await appendAll(log.chunks, [fence(origin)]);
    await putForeignRecord(tenant, {}, ack);
    loseNextAppendAck();
    const [landed = zero] = await appendAll(log.chunks, [removal(origin, "a")], at);
    const headers = await collect(log.chunks.headers({ tenant, after: zero, to: landed }));
    expect(headers.map(({ kind }) => kind)).toEqual(["fence", "delete"]);
  });

  it("does not hide that a record is missing beside it (L3)", async () => {
    const { log, putForeignRecord } = opened.harness;
    const tenant = opened.tenant();
    const origin = { tenant, version: 1, epoch: 1 };
    const records = [fence(origin), removal(origin, "a")];
    const [one = zero, two = zero] = await appendAll(log.chunks, records);
    await putForeignRecord(tenant, {}, ack);
    const [three = zero] = await appendAll(log.chunks, [removal(origin, "b")], two);
    await log.chunks.purge({ tenant, below: three });
    const read = (after: Position) => collect(log.chunks.headers({ tenant, after, to: three }));
    await expect(read(one)).rejects.toMatchObject(brokenChain);
    expect(await read(two)).toHaveLength(1);
  });

  it("changes no purge: the newest record stays, older ones go", async () => {
    const { log, putForeignRecord } = opened.harness;
    const tenant = opened.tenant();
    const origin = { tenant, version: 1, epoch: 3 };
    const [, last = zero] = await appendAll(log.chunks, [fence(origin), removal(origin, "a")]);
    await putForeignRecord(tenant, {}, ack);
    await log.chunks.purge({ tenant, below: (last + 1_000) as Position });
    expect(await log.chunks.first(tenant)).toMatchObject({ position: last });
    expect(await log.chunks.last(tenant)).toMatchObject({ position: last, epoch: 3 });
  });
}

function describeDamage(opened: Opened): void {
  it("stops the tenant alone in whose chain a record cannot be read", async () => {
    const { log, putForeignRecord } = opened.harness;
    const [tenant, neighbour] = [opened.tenant(), opened.tenant()];
    const origin = { tenant, version: 1, epoch: 1 };
    const [at = zero] = await appendAll(log.chunks, [fence(origin)]);
    const [to = zero] = await appendAll(log.chunks, [fence({ ...origin, tenant: neighbour })]);
    const damaged = wireHeaders(reject(origin, "a"), 0);
    const kind = { "Freshet-Kind": "no_such_kind" };
    await putForeignRecord(tenant, { ...damaged, ...conditionHeaders(at), ...kind });
    const says = { ...brokenChain, message: expect.stringContaining("quarantined-record.md") };
    await expect(log.chunks.last(tenant)).rejects.toMatchObject(says);
    await expect(log.chunks.append(removal(origin, "b"), at)).rejects.toMatchObject(says);
    const range = { tenant, after: zero, to: (at + 1_000) as Position };
    await expect(collect(log.chunks.headers(range))).rejects.toMatchObject(says);
    expect(await collect(log.chunks.headers({ tenant: neighbour, after: zero, to }))).toHaveLength(
      1,
    );
    const named = log.quarantined().filter(({ subject }) => subject.endsWith(`.${tenant}`));
    expect(named).toMatchObject([{ stream: "CHUNKS", why: "unreadable" }]);
  });

  it("stops the tenant alone whose record has a body that cannot be read", async () => {
    const { log, putForeignRecord } = opened.harness;
    const tenant = opened.tenant();
    const origin = { tenant, version: 1, epoch: 1 };
    const [at = zero] = await appendAll(log.chunks, [fence(origin)]);
    await putForeignRecord(
      tenant,
      { ...wireHeaders(upsert(origin, "a"), 3), ...conditionHeaders(at) },
      new Uint8Array([1, 2, 3]),
    );
    const to = (await log.chunks.last(tenant))?.position ?? zero;
    const range = { tenant, after: zero, to };
    expect(await collect(log.chunks.headers(range))).toHaveLength(2);
    await expect(collect(log.chunks.read(range))).rejects.toMatchObject(brokenChain);
  });
}

function describeManifests(opened: Opened): void {
  it("replaces no manifest: readers, watchers and commits continue with the one before", async () => {
    const { log, other, putForeignManifest } = opened.harness;
    const [tenant, neighbour] = [opened.tenant(), opened.tenant()];
    await log.manifests.commit(tenant, manifestOf("one"), 0);
    const before = await log.manifests.get(tenant);
    await putForeignManifest(tenant, ack);
    await log.manifests.commit(neighbour, manifestOf("neighbour"), 0);
    const found = await other.manifests.get(tenant);
    expect(found?.manifest).toEqual(manifestOf("one"));
    const stale = await log.manifests.commit(tenant, manifestOf("two"), before?.revision ?? 0);
    expect(stale).toBe("conflict");
    const revision = found?.revision ?? 0;
    const end = new AbortController();
    const seen = new Map<TenantId, string>();
    for await (const { tenant: of, manifest } of other.manifests.watch(end.signal)) {
      seen.set(of, manifest.workflowId);
      if (seen.has(tenant) && seen.has(neighbour)) break;
    }
    end.abort();
    expect([seen.get(tenant), seen.get(neighbour)]).toEqual(["one", "neighbour"]);
    expect(await log.manifests.commit(tenant, manifestOf("two"), revision)).toBe("committed");
    expect((await other.manifests.get(tenant))?.manifest).toEqual(manifestOf("two"));
  });

  it("does not end a watch on manifests, in any tenant's place", async () => {
    const { log, other, putForeignManifest } = opened.harness;
    const [tenant, neighbour] = [opened.tenant(), opened.tenant()];
    const end = new AbortController();
    const watch = other.manifests.watch(end.signal);
    await log.manifests.commit(neighbour, manifestOf("before"), 0);
    const revision = (await log.manifests.get(neighbour))?.revision ?? 0;
    const seen: string[] = [];
    for await (const found of watch) {
      if (found.tenant !== neighbour) continue;
      seen.push(found.manifest.workflowId);
      if (seen.length === 2) break;
      await putForeignManifest(tenant, ack);
      await putForeignManifest(tenant, bytesOf({ ...emptyManifest, format: 99 }));
      await log.manifests.commit(neighbour, manifestOf("after"), revision);
    }
    end.abort();
    expect(seen).toEqual(["before", "after"]);
  });

  it("leaves an empty manifest where there was none before, and the next commit lands", async () => {
    const { log, putForeignManifest } = opened.harness;
    const tenant = opened.tenant();
    await putForeignManifest(tenant, ack);
    const found = await log.manifests.get(tenant);
    expect(found?.manifest).toEqual(emptyManifest);
    const revision = found?.revision ?? 0;
    expect(await log.manifests.commit(tenant, manifestOf("one"), revision)).toBe("committed");
  });

  it("stops only the tenant whose manifest is of another version: an older one would undo a merge", async () => {
    const { log, putForeignManifest } = opened.harness;
    const tenant = opened.tenant();
    await log.manifests.commit(tenant, manifestOf("one"), 0);
    await putForeignManifest(tenant, bytesOf({ ...manifestOf("two"), format: 99 }));
    await expect(log.manifests.get(tenant)).rejects.toMatchObject(brokenChain);
  });
}

function describeOthers(opened: Opened): void {
  it("is no dead letter, and ends no list of them", async () => {
    const { log, putForeignLetter } = opened.harness;
    const tenant = opened.tenant();
    await putForeignLetter(tenant, 4 as Version);
    const letter: DeadLetter = {
      ...{ tenant, version: 5 as Version, documentId: "a" as DocumentId },
      ...{ reason: "invalid_document", message: "text: is empty", atMs: 1 },
    };
    await log.deadLetters.publish(letter);
    expect(await log.deadLetters.list(tenant, 10)).toEqual([letter]);
    expect(await log.deadLetters.get(tenant, 4 as Version)).toBeNull();
  });

  it("makes no tenant of another partition", async () => {
    const { log } = opened.harness;
    const tenant = opened.tenant();
    await appendAll(log.chunks, [fence({ tenant, version: 0, epoch: 1 })]);
    const partitions = Array.from({ length: log.partitions }, (_, at) => at as Partition);
    const lists = await Promise.all(partitions.map((partition) => log.chunks.tenants(partition)));
    const found = partitions.filter((partition) => lists[partition]?.includes(tenant));
    expect(found).toEqual([partitionOf(tenant, log.partitions)]);
  });

  it("is read under the subjects without a partition, each only under its own token", async () => {
    const { log, publishRaw } = opened.harness;
    const tenant = opened.tenant();
    const from = ((await log.docs.lastSequence()) + 1) as Version;
    const after = (from - 1) as Version;
    await log.docs.publish({ tenant, payload: bytesOf("of a tenant") });
    for (const token of ["*", ">", "*"]) await publishRaw(token, bytesOf(token));
    const tokens = (await log.docs.tenants(0 as Partition)).filter((name) => /^[*>]$/.test(name));
    expect(tokens.toSorted()).toEqual(["*", ">"]);
    const read = async (token: string) => {
      const operations = await log.docs.readTenant({ tenant: token as TenantId, after, max: 9 });
      return operations.map(({ tenant: of, version }) => [of, version - from]);
    };
    expect(await read("*")).toEqual([
      ["*", 1],
      ["*", 3],
    ]);
    expect(await read(">")).toEqual([[">", 2]]);
    const end = new AbortController();
    const reading = log.docs.read({ partition: 0 as Partition, from, signal: end.signal });
    const own = partitionOf(tenant, log.partitions) === 0 ? 1 : 0;
    const seen = await take(reading, 3 + own, end);
    expect(seen.map(({ tenant: of }) => of).slice(own)).toEqual(["*", ">", "*"]);
    const below = (from + 3) as Version;
    expect(await log.docs.purge({ tenant: "*" as TenantId, below })).toBe(1);
    expect([await read("*"), await read(">")]).toEqual([[["*", 3]], [[">", 2]]]);
    expect(await log.docs.readTenant({ tenant, after, max: 9 })).toHaveLength(1);
  });
}

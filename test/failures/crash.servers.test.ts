import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { objectId } from "../../src/cold/object-id.ts";
import type { DocumentId, TenantId, Version } from "../../src/contract/ids.ts";
import type { Answer } from "../../src/contract/query.ts";
import type { RecordHeader } from "../../src/contract/record.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { type Client, embeddedTexts, httpClient } from "../support/http-service.ts";
import { eventually } from "../support/promises.ts";
import { readHeaders } from "../support/records.ts";

let site: Site;
let engine: FreshetProcess;
let worker: FreshetProcess;
let client: Client;

beforeAll(async () => {
  site = await openSite();
  [engine, worker] = await Promise.all([site.startEngine(), site.startMergeWorker()]);
  client = httpClient(engine.url);
});

afterAll(() => site.close());

const things = ["anchor", "barrel", "candle", "drum", "engine", "flute", "gear", "hammer"];
const sentence = (name: string, index: number) =>
  `The ${name} number ${index} is kept on shelf ${index % 7} of the ${name} room. `;

/** Documents long enough that embedding them takes a while; every tenth is broken. */
function payloadOf(index: number): string {
  const id = `doc-${index}`;
  if (index % 10 === 9) return JSON.stringify({ id, text: 7 });
  const name = things[index % things.length] ?? "thing";
  return JSON.stringify({ id, text: sentence(name, index).repeat(8) });
}

describe("kill -9 of the engine in the middle of ingest", () => {
  it("loses and doubles nothing: each acked publish has one record, and nothing is embedded again (I1, I2, I7)", async () => {
    const tenant = freshTenant("crash");
    const count = 160;
    const publishing = publishAll(tenant, count);
    await eventually(() => expect(site.events.length).toBeGreaterThan(20));
    await engine.kill9();
    const before = await recordsOf(tenant);
    const seqs = await publishing;
    // In the middle: something was done, and much was not.
    expect(before.length).toBeGreaterThan(20);
    expect(before.length).toBeLessThan(count);

    await engine.restart();
    const last = Math.max(...seqs);
    await eventually(async () => {
      const { tenants } = await client.status();
      expect(tenants.find((one) => one.tenant === tenant)?.visible_seq).toBe(last);
    });
    const after = await recordsOf(tenant);
    const operations = after.filter(({ kind }) => kind !== "fence");
    expect(operations.map(({ version }) => version)).toEqual(seqs);
    expect(operations.map(({ kind }) => kind)).toEqual(
      seqs.map((_, index) => (index % 10 === 9 ? "reject" : "upsert")),
    );
    // What was there is untouched; a fence of a higher epoch stands between it and the rest (I6).
    expect(after.slice(0, before.length)).toEqual(before);
    const fences = after.flatMap(({ kind }, index) => (kind === "fence" ? [index] : []));
    expect(fences).toHaveLength(2);
    const second = after.slice(fences[1]);
    expect(second[0]?.epoch).toBeGreaterThan(before.at(-1)?.epoch ?? Number.POSITIVE_INFINITY);

    // The second life embedded what the log lacked and not one text more.
    const lacking = second.reduce((sum, { chunkCount }) => sum + chunkCount, 0);
    expect(await embeddedTexts(engine.url)).toBe(lacking);
    const rejected = operations.filter(({ kind }) => kind === "reject");
    const letters = await site.log.deadLetters.list(tenant, count);
    expect(letters.map(({ version }) => version)).toEqual(rejected.map(({ version }) => version));
    for (const { version } of rejected) {
      const told = site.events.filter(
        ({ seq, status }) => seq === version && status === "rejected",
      );
      expect(told.length).toBeLessThanOrEqual(1);
    }
  });

  it("leaves the answers as they were: hot is a function of the log (I7)", async () => {
    const tenant = freshTenant("same");
    const seqs = await publishAll(tenant, 24);
    const last = Math.max(...seqs);
    const answers = () =>
      Promise.all(
        things.map(async (name) =>
          shown(await client.search(tenant, `where is the ${name}`, last)),
        ),
      );
    const before = await answers();
    expect(before.map((sources) => sources.length)).toEqual(things.map(() => 5));
    await engine.kill9();
    await engine.restart();
    expect(await answers()).toEqual(before);
    expect(await embeddedTexts(engine.url)).toBe(0);
  });
});

describe("kill -9 of the merge worker in the middle of a merge", () => {
  it("the merge ends after its restart, and cold equals the log (I1, I3, I4)", async () => {
    const tenant = freshTenant("merge");
    await publishAll(tenant, 30);
    await publish(tenant, '{"id":"doc-0","op":"delete"}');
    const changed = await publish(
      tenant,
      JSON.stringify({ id: "doc-1", text: sentence("barrel", 1) }),
    );
    await client.search(tenant, "where is the barrel", changed);
    const records = await recordsOf(tenant);
    const merging = site.merges.force(tenant);
    await eventually(async () => {
      const phase = (await site.merges.progress(tenant))?.phase;
      expect(["writing", "verifying"]).toContain(phase);
    });
    await worker.kill9();
    const stored = await site.log.manifests.get(tenant);
    expect(stored?.manifest.to ?? 0).toBeLessThan(lastOf(records).position);
    await worker.restart();
    expect(await merging).toMatchObject({ kind: "merged", to: lastOf(records).position });

    const live = new Map<string, RecordHeader>();
    for (const record of records) {
      if (record.kind === "upsert") live.set(String(record.documentId), record);
      if (record.kind === "delete") live.delete(String(record.documentId));
    }
    const manifest = (await site.log.manifests.get(tenant))?.manifest;
    expect(manifest).toMatchObject({ to: lastOf(records).position, documents: live.size });
    const expected = [...live.values()].flatMap((record) => objectsOf(tenant, record));
    const all = records.flatMap((record) => objectsOf(tenant, record));
    expect(all.length).toBeGreaterThan(expected.length);
    await eventually(async () => {
      const found = await site.cold.versions(
        tenant,
        all.map(([id]) => id),
      );
      expect([...found].sort()).toEqual([...expected].sort());
    });

    await eventually(async () => {
      const { tenants } = await client.status();
      expect(tenants.find((one) => one.tenant === tenant)?.hot.documents).toBe(0);
    });
    const { sources, coverage } = await client.search(tenant, "where is the barrel number 1");
    expect(coverage.cold).toBe("complete");
    expect(sources.filter(({ id }) => id === "doc-1")).toMatchObject([
      { version: changed, shard: "cold" },
    ]);
    expect(sources.map(({ id }) => id)).not.toContain("doc-0");
  });
});

async function publish(tenant: TenantId, payload: string): Promise<Version> {
  const bytes = new TextEncoder().encode(payload);
  return (await site.log.docs.publish({ tenant, payload: bytes })).seq;
}

/** Versions in the order of their documents: one connection keeps the order of its publishes. */
function publishAll(tenant: TenantId, count: number): Promise<readonly Version[]> {
  return Promise.all(
    Array.from({ length: count }, (_, index) => publish(tenant, payloadOf(index))),
  );
}

const recordsOf = (tenant: TenantId) => readHeaders(site.log.chunks, tenant);

function lastOf(records: readonly RecordHeader[]): RecordHeader {
  const last = records.at(-1);
  if (last === undefined) throw new Error("the tenant has no record");
  return last;
}

/** Ids and versions of the objects that a record makes in cold. */
function objectsOf(tenant: TenantId, record: RecordHeader): [string, Version][] {
  const { documentId, version, chunkCount, kind } = record;
  if (kind !== "upsert") return [];
  const key = { tenant, documentId: documentId as DocumentId, version };
  return Array.from({ length: chunkCount }, (_, chunk) => [objectId({ ...key, chunk }), version]);
}

function shown({ sources }: Answer) {
  return sources.map(({ id, version, chunk, score }) => [id, version, chunk, score.toFixed(6)]);
}

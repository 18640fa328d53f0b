/**
 * Erases with real servers and a real engine that owns the tenant, down to the bytes in the
 * servers' files.
 */

import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { eraseBy } from "../../src/cli/erase-request.ts";
import { isNothing } from "../../src/contract/erase.ts";
import type { DocumentId, TenantId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { confirmedTo } from "../../src/contract/manifest.ts";
import { publishDeletes } from "../../src/log/guard/erase-deletes.ts";
import { verifyReceipt } from "../../src/tenants/receipt.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { type Client, httpClient } from "../support/http-service.ts";
import { eventually } from "../support/promises.ts";

const neighbour = freshTenant("beside");
const question = "who keeps the lighthouse";
let site: Site;
let engine: FreshetProcess;
let client: Client;

beforeAll(async () => {
  site = await openSite({ FRESHET_LOG_LEVEL: "debug" });
  [engine] = await Promise.all([site.startEngine(), site.startMergeWorker()]);
  client = httpClient(engine.url);
  await fill(neighbour, "plainword");
});

afterAll(() => site.close());

async function publish(tenant: TenantId, document: object): Promise<number> {
  const payload = new TextEncoder().encode(JSON.stringify(document));
  const { seq } = await site.log.docs.publish({ tenant, payload });
  await site.event(seq);
  return seq;
}

/** Documents that are merged for good, one that is replaced, one deleted, one refused, one hot. */
async function fill(tenant: TenantId, word: string): Promise<void> {
  const text = (of: string) => `The lighthouse of ${of} is kept by ${word} and nobody else.`;
  for (const of of ["north", "south", "east"]) {
    await publish(tenant, { id: `${word}-${of}`, title: `${word} notes`, text: text(of) });
  }
  await publish(tenant, { id: `${word}-east`, op: "delete" });
  await publish(tenant, { id: `${word}-refused`, text: 7 });
  await site.merges.force(tenant);
  await eventually(async () => {
    const stored = await site.log.manifests.get(tenant);
    expect(stored && confirmedTo(stored.manifest)).toBe(stored?.manifest.to);
  });
  await publish(tenant, { id: `${word}-north`, text: text("the new north") });
}

/** Files below the folders that hold the word, and how often. */
function traces(word: string): Readonly<Record<string, number>> {
  const places = readdirSync(tmpdir()).filter((name) => name.startsWith("freshet-test-"));
  const roots = [site.nats.directory, ...places.map((name) => join(tmpdir(), name))];
  const found: Record<string, number> = {};
  for (const root of roots) {
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = join(entry.parentPath, entry.name);
      const count = occurrences(file, word);
      if (count > 0) found[file.slice(root.length - 8)] = count;
    }
  }
  return found;
}

function occurrences(file: string, word: string): number {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    return 0; // It was removed meanwhile.
  }
  let count = 0;
  for (let at = bytes.indexOf(word); at >= 0; at = bytes.indexOf(word, at + 1)) count += 1;
  return count;
}

const ask = (tenant: TenantId, seq?: number) => client.search(tenant, question, seq);

it("a tenant: its owner lets go, every store is empty, and so are the servers' files (I4, I9)", async () => {
  const tenant = freshTenant("erased");
  const word = `zq${Date.now().toString(36)}canary`;
  await fill(tenant, word);
  expect((await ask(tenant)).sources.length).toBeGreaterThan(0);
  // The servers write their files when they like.
  const isIn = (part: string) => Object.keys(traces(word)).some((file) => file.includes(part));
  await expect.poll(() => isIn("CHUNKS") && isIn("weaviate"), { timeout: 60_000 }).toBe(true);
  const signed = await site.merges.eraseTenant(tenant);
  expect(verifyReceipt(signed).kind).toBe("valid");
  expect(isNothing(signed.receipt.left)).toBe(true);

  const body = new TextEncoder().encode('{"id":"a","text":"b"}');
  for (const asked of [() => ask(tenant), () => client.publish(tenant, { payload: body })]) {
    await expect(asked()).rejects.toMatchObject({ code: "tenant_erased" });
  }
  // NATS takes what a publisher sends; nobody reads it, and it goes.
  const payload = new TextEncoder().encode(`{"id":"late","text":"${word}"}`);
  await site.log.docs.publish({ tenant, payload });
  await eventually(async () => expect(await site.log.docs.lastVersion(tenant)).toBe(0));

  await eventually(() => {
    const left = traces(word);
    expect(left).toEqual({});
  });
  await site.log.checkIdentity();
  expect((await ask(neighbour)).sources.length).toBeGreaterThan(0);
}, 120_000);

it("after a restart the erased tenant is still refused, and its neighbour is served (I7)", async () => {
  await engine.restart();
  expect((await ask(neighbour)).sources.length).toBeGreaterThan(0);
}, 60_000);

it("a document: every version of it is gone, and its tenant is served as before (I4)", async () => {
  const tenant = freshTenant("document");
  const word = `zq${Date.now().toString(36)}single`;
  await fill(tenant, "another");
  const id = `${word}-id` as DocumentId;
  await publish(tenant, { id, text: `The first ${word} keeps the lighthouse.` });
  await site.merges.force(tenant);
  await publish(tenant, { id, text: `The second ${word} keeps the lighthouse.` });
  const deletes = await publishDeletes(site.log, { tenant, ids: [id] });
  const signed = await site.merges.eraseDocuments(tenant, deletes);
  expect(verifyReceipt(signed).kind).toBe("valid");
  const found = await ask(tenant, deletes.through);
  expect(found.sources.length).toBeGreaterThan(0);
  expect(JSON.stringify(found)).not.toContain(word);
  const left = traces(word);
  expect(Object.keys(left).filter((file) => !file.includes("weaviate"))).toEqual([]);
  await publish(tenant, { id, text: "A third keeps the lighthouse." });
  expect(JSON.stringify(await ask(tenant))).toContain("A third");
}, 120_000);

it("documents: more erases at once than a worker has slots end, and hold up no neighbour (I9)", async () => {
  const tenant = freshTenant("erases");
  const ids = Array.from({ length: limits.mergesInFlightMax + 2 }, (_, n) => `d${n}` as DocumentId);
  for (const id of ids) await publish(tenant, { id, text: `The lighthouse of ${id} is kept.` });
  const erased = ids.map(async (id) => {
    const deletes = await publishDeletes(site.log, { tenant, ids: [id] });
    return site.merges.eraseDocuments(tenant, deletes);
  });
  await publish(neighbour, { id: "meanwhile", text: "The lighthouse is kept meanwhile." });
  expect(await site.merges.force(neighbour)).toMatchObject({ kind: "merged" });
  const receipts = await Promise.all(erased);
  expect(receipts.every(({ receipt }) => isNothing(receipt.left))).toBe(true);
  expect((await site.log.privacy.get(tenant)).privacy).toEqual({});
}, 240_000);

it("lists whose deletes lie between each other's end together, each with its receipt (ED2)", async () => {
  const tenant = freshTenant("lists");
  const idsOf = (list: number) =>
    Array.from({ length: 40 }, (_, n) => `list-${list}-${n}` as DocumentId);
  const lists = [idsOf(1), idsOf(2), idsOf(3)];
  for (const id of [...lists.flat(), "kept"]) {
    await publish(tenant, { id, text: `The lighthouse of ${id} is kept.` });
  }
  const receipts = await Promise.all(
    lists.map((ids) =>
      eraseBy(site.log, { tenant, ids }, (deletes) => site.merges.eraseDocuments(tenant, deletes)),
    ),
  );
  expect(receipts.map(({ receipt }) => receipt.documents_sha256?.length)).toEqual([40, 40, 40]);
  expect(receipts.every((signed) => verifyReceipt(signed).kind === "valid")).toBe(true);
  expect(receipts.every(({ receipt }) => isNothing(receipt.left))).toBe(true);
  expect((await site.log.privacy.get(tenant)).privacy).toEqual({});
  const left = await site.log.docs.readTenant({ tenant, after: 0 as Version, max: 500 });
  const texts = left.map(({ payload }) => new TextDecoder().decode(payload));
  expect(texts.filter((text) => text.includes("list-"))).toEqual([]);
  expect(JSON.stringify(await ask(tenant))).toContain("kept");
}, 300_000);
it("documents: a list is one erase with one receipt, beside another erase (ED2)", async () => {
  const tenant = freshTenant("list");
  const ids = ["a", "b", "c", "other"] as DocumentId[];
  for (const id of [...ids, "kept"]) {
    await publish(tenant, { id, text: `The lighthouse of ${id} is kept.` });
  }
  const list = await publishDeletes(site.log, { tenant, ids: ids.slice(0, 3) });
  const other = await publishDeletes(site.log, { tenant, ids: ids.slice(3) });
  const [of3, of1] = await Promise.all([
    site.merges.eraseDocuments(tenant, list),
    site.merges.eraseDocuments(tenant, other),
  ]);
  expect(of3.receipt.documents_sha256).toHaveLength(3);
  expect(of1.receipt.document_sha256).toHaveLength(64);
  for (const signed of [of3, of1]) {
    expect(verifyReceipt(signed).kind).toBe("valid");
    expect(isNothing(signed.receipt.left)).toBe(true);
  }
  expect((await ask(tenant, other.through)).sources.map(({ id }) => id)).toEqual(["kept"]);
  const operations = await site.log.docs.readTenant({ tenant, after: 0 as Version, max: 99 });
  // The marker of the list goes where the other one ends after it.
  const markers = [list.through, other.through];
  expect(operations.filter(({ version }) => !markers.includes(version))).toEqual([]);
  expect((await site.log.privacy.get(tenant)).privacy).toEqual({});
}, 120_000);

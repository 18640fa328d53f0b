import { afterEach, expect, test } from "vitest";
import { markerId } from "../../src/cold/object-id.ts";
import type { ColdShard } from "../../src/cold/port.ts";
import { connectWeaviate } from "../../src/cold/weaviate.ts";
import { accessOf } from "../../src/contract/access.ts";
import { normalFilter } from "../../src/contract/filter.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { describeColdShard } from "./conformance.ts";
import { describeColdGenerations } from "./conformance-generations.ts";
import { createGate, type Gate } from "./gate.ts";
import { coldObject, dimensions, direction, freshTenant } from "./objects.ts";
import { weaviateAddress } from "./weaviate-address.ts";

const open = (address: ReturnType<typeof weaviateAddress>): ColdShard =>
  connectWeaviate({ ...address, dimensions, clock: systemClock, logger: silentLogger });

describeColdShard("Weaviate", async () => open(weaviateAddress()));
describeColdGenerations(() => open(weaviateAddress()));

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A cold shard whose server is there when the gates are open. */
async function gated() {
  const { url, grpc, apiKey } = weaviateAddress();
  const target = (from: string) => {
    const { hostname, port } = new URL(from);
    return { host: hostname, port: Number(port) };
  };
  const gates = [
    await createGate(target(url)),
    await createGate(target(`http://${grpc}`)),
  ] as const;
  const [rest, channel] = gates;
  const local = (gate: Gate) => `127.0.0.1:${gate.port}`;
  const cold = open({ url: `http://${local(rest)}`, grpc: local(channel), apiKey });
  const each = async (act: (gate: Gate) => Promise<void>) => {
    await Promise.all(gates.map(act));
  };
  closing.push(
    () => cold.close(),
    () => each((gate) => gate.close()),
  );
  return { cold, up: () => each((gate) => gate.open()), down: () => each((gate) => gate.close()) };
}

const unavailable = expect.objectContaining({ code: "cold_unavailable" });

/** Asks until it works; the test's own time limit is the bound. */
async function eventually<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      expect(error).toEqual(unavailable);
      await systemClock.sleep(50);
    }
  }
}

test("without a server every method rejects as unavailable, and works once it is there", async () => {
  const { cold, up } = await gated();
  const tenant = freshTenant("late");
  const object = coldObject(tenant, { id: "a" });
  const query = { tenant, vector: direction(0), text: "text", limit: 3 };
  for (const call of [
    () => cold.ping(),
    () => cold.ensureTenant(tenant),
    () => cold.upsert(tenant, [object]),
    () => cold.versions(tenant, [object.id]),
    () => cold.staleIds(tenant, { documentId: object.documentId, keep: null }),
    () => cold.deleteIds(tenant, [object.id]),
    async () => (await cold.search(query)).hits,
    () => cold.writeMarker(tenant, { to: 1 as never, version: 1 as never }),
    () => cold.readMarker(tenant),
  ]) {
    await expect(call()).rejects.toEqual(unavailable);
  }
  await up();
  await eventually(() => cold.upsert(tenant, [object]));
  expect((await cold.search(query)).hits).toHaveLength(1);
});

test("a connection that breaks is replaced when the server is back", async () => {
  const { cold, up, down } = await gated();
  await up();
  const tenant = freshTenant("broken");
  const query = { tenant, vector: direction(0), text: "text", limit: 3 };
  await cold.upsert(tenant, [coldObject(tenant, { id: "a" })]);
  await down();
  await expect(cold.search(query)).rejects.toEqual(unavailable);
  await expect(cold.search(query)).rejects.toEqual(unavailable);
  await up();
  expect((await eventually(() => cold.search(query))).hits).toHaveLength(1);
});

test("after close every method rejects", async () => {
  const { cold, up } = await gated();
  await up();
  await cold.ping();
  await cold.close();
  await expect(cold.ping()).rejects.toEqual(unavailable);
});

test("vectors of another model are refused before they are sent", async () => {
  const cold = open(weaviateAddress());
  closing.push(() => cold.close());
  const tenant = freshTenant("model");
  const short = { ...coldObject(tenant, { id: "a" }), vector: Float32Array.of(1, 0, 0) };
  await expect(cold.upsert(tenant, [short])).rejects.toMatchObject({ code: "internal" });
});

test("a tenant that was removed or put to sleep behind our back is made again by a write", async () => {
  const cold = open(weaviateAddress());
  closing.push(() => cold.close());
  const tenant = freshTenant("removed");
  const query = { tenant, vector: direction(0), text: "text", limit: 3 };
  await cold.upsert(tenant, [coldObject(tenant, { id: "a" })]);
  await changeTenants("DELETE", [tenant]);
  expect((await cold.search(query)).hits).toEqual([]);
  await cold.upsert(tenant, [coldObject(tenant, { id: "b" })]);
  expect((await cold.search(query)).hits).toMatchObject([{ documentId: "b" }]);
  await changeTenants("PUT", [{ name: tenant, activityStatus: "INACTIVE" }]);
  expect((await cold.search(query)).hits).toMatchObject([{ documentId: "b" }]);
  await changeTenants("PUT", [{ name: tenant, activityStatus: "INACTIVE" }]);
  const id = coldObject(tenant, { id: "b" }).id;
  await cold.deleteIds(tenant, [id]);
  expect(await cold.versions(tenant, [id])).toEqual(new Map());
});

test("a metadata range finds its few matches among more objects than one request brings", async () => {
  const cold = open(weaviateAddress());
  closing.push(() => cold.close());
  const tenant = freshTenant("many");
  await cold.ensureTenant(tenant);
  const pages = Array.from({ length: 6 }, (_, page) =>
    Array.from({ length: limits.mergePageObjects }, (_, index) =>
      coldObject(tenant, { id: `d${page}-${index}`, info: { metadata: { n: 1 } }, text: "text" }),
    ),
  );
  // One after another, as a merge writes them: six at once take longer than a busy machine may.
  for (const page of pages) await cold.upsert(tenant, page);
  await cold.upsert(tenant, [
    coldObject(tenant, { id: "rare", angle: 3, info: { metadata: { n: 9 } }, text: "none" }),
  ]);
  const filter = normalFilter({ "metadata.n": { gt: 8 } });
  const { hits } = await cold.search({
    tenant,
    vector: direction(0),
    text: "text",
    limit: 2,
    filter,
  });
  expect(hits.map((hit) => hit.documentId)).toEqual(["rare"]);
});

async function changeTenants(method: string, body: unknown): Promise<void> {
  const { url, apiKey = "" } = weaviateAddress();
  const reply = await fetch(`${url}/v1/schema/FreshetChunk/tenants`, {
    method,
    headers: { "content-type": "application/json", authorization: `Bearer ${apiKey}` },
    body: JSON.stringify(body),
  });
  expect(reply.ok).toBe(true);
}

/** A deployment that no other test has. */
let deployments = 0;
function freshDeployment(): string {
  deployments += 1;
  return (Date.now() * 1_000 + deployments).toString(16).padStart(16, "0").slice(-16);
}

test("two deployments on one Weaviate see, delete and mark nothing of each other, tenant by tenant of the same name", async () => {
  const openAs = (deployment: string): ColdShard => {
    const cold = connectWeaviate({
      ...{ ...weaviateAddress(), deployment, dimensions },
      ...{ clock: systemClock, logger: silentLogger },
    });
    closing.push(() => cold.close());
    return cold;
  };
  const [ours, theirs] = [freshDeployment(), freshDeployment()];
  const tenant = freshTenant("shared");
  const [one, two] = [openAs(ours), openAs(theirs)];
  const object = coldObject(tenant, { id: "a" });
  const query = { tenant, vector: direction(0), text: "text", limit: 3 };
  await one.upsert(tenant, [object]);
  await one.writeMarker(tenant, { to: 7 as never, version: 7 as never });
  expect((await two.search(query)).hits).toEqual([]);
  expect(await two.readMarker(tenant)).toBeNull();
  await two.upsert(tenant, [object]);
  await two.deleteIds(tenant, [object.id]);
  expect((await one.search(query)).hits).toHaveLength(1);
  // Whoever comes again finds its own: another connection, another process.
  expect((await openAs(ours).search(query)).hits).toHaveLength(1);
  expect((await openAs(theirs).search(query)).hits).toEqual([]);
  expect(await openAs(ours).readMarker(tenant)).toMatchObject({ to: 7 });
});

/** The collections of the Freshet before terms were ours. */
const oldChunks = {
  multiTenancyConfig: { enabled: true },
  vectorConfig: { default: { vectorizer: { none: {} }, vectorIndexType: "hnsw" } },
  properties: [
    { name: "documentId", dataType: ["text"], tokenization: "field" },
    { name: "version", dataType: ["number"] },
    { name: "chunk", dataType: ["int"] },
    { name: "text", dataType: ["text"], tokenization: "word", indexSearchable: true },
    { name: "heading", dataType: ["text"], tokenization: "word", indexSearchable: true },
    { name: "title", dataType: ["text"], tokenization: "word", indexSearchable: true },
    { name: "facets", dataType: ["text[]"], tokenization: "field" },
    { name: "timestamp", dataType: ["number"] },
    { name: "info", dataType: ["text"], indexFilterable: false, indexSearchable: false },
  ],
};

test("a collection of an earlier Freshet is read, and its objects are found by words once their terms are renewed", async () => {
  const { url, apiKey = "" } = weaviateAddress();
  const headers = { "content-type": "application/json", authorization: `Bearer ${apiKey}` };
  const post = async (path: string, body: unknown) => {
    const reply = await fetch(`${url}/v1/${path}`, {
      ...{ method: "POST", headers, body: JSON.stringify(body) },
    });
    expect(await reply.text(), path).not.toContain("error");
    expect(reply.ok).toBe(true);
  };
  const deployment = freshDeployment();
  const name = `FreshetChunk_${deployment}`;
  const tenant = freshTenant("old");
  const { id, vector, documentId: of } = coldObject(tenant, { id: "a" });
  await post("schema", { class: name, description: `deployment ${deployment}`, ...oldChunks });
  await post(`schema/${name}/tenants`, [{ name: tenant }]);
  await post("objects", {
    ...{ class: name, id, tenant, vectors: { default: Array.from(vector) } },
    properties: {
      ...{ documentId: of, version: 1, chunk: 0, text: "an old zyzzyva", facets: [], info: "{}" },
    },
  });
  const cold = connectWeaviate({
    ...{ ...weaviateAddress(), deployment, dimensions },
    ...{ clock: systemClock, logger: silentLogger },
  });
  closing.push(() => cold.close());
  await cold.ensureTenant(tenant);
  const near = Array.from({ length: 3 }, (_, index) =>
    coldObject(tenant, { id: `near${index}`, angle: 2 }),
  );
  await cold.upsert(tenant, near);
  const query = { tenant, vector: direction(2), text: "zyzzyva", limit: 2 };
  const ids = async () => (await cold.search(query)).hits.map(({ documentId: found }) => found);
  expect(await ids()).not.toContain("a");
  expect((await cold.search({ ...query, vector: direction(0), limit: 1 })).hits).toHaveLength(1);
  const old = (await cold.walk(tenant, { after: null, limit: 10 })).filter(
    ({ hasOldTerms }) => hasOldTerms === true,
  );
  expect(old.map((entry) => entry.id)).toEqual([id]);
  await cold.renewTerms(tenant, [id]);
  expect(await ids()).toContain("a");
  const walked = await cold.walk(tenant, { after: null, limit: 10 });
  expect(walked.some(({ hasOldTerms }) => hasOldTerms === true)).toBe(false);
});

test("the marker that an earlier Freshet wrote is read where that kept it, and is gone from there once there is a new one (WM3)", async () => {
  const { url, apiKey = "" } = weaviateAddress();
  const headers = { "content-type": "application/json", authorization: `Bearer ${apiKey}` };
  const ask = async (method: string, path: string, body?: unknown) => {
    const reply = await fetch(`${url}/v1/${path}`, {
      ...{ method, headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return reply.status;
  };
  const deployment = freshDeployment();
  const openAs = (of: string): ColdShard => {
    const cold = connectWeaviate({
      ...{ ...weaviateAddress(), deployment: of, dimensions },
      ...{ clock: systemClock, logger: silentLogger },
    });
    closing.push(() => cold.close());
    return cold;
  };
  // Whoever comes first has the common names.
  await openAs(freshDeployment()).ensureTenant(freshTenant("first"));
  const [chunks, markers] = [`FreshetChunk_${deployment}`, `FreshetMarker_${deployment}`];
  const tenant = freshTenant("moved");
  const description = `deployment ${deployment}`;
  const multiTenancyConfig = { enabled: true };
  const numbers = ["to", "version"].map((name) => ({ name, dataType: ["number"] }));
  const old = { class: markers, description, multiTenancyConfig, properties: numbers };
  expect(await ask("POST", "schema", { class: chunks, description, ...oldChunks })).toBe(200);
  expect(await ask("POST", "schema", old)).toBe(200);
  for (const name of [chunks, markers]) {
    expect(await ask("POST", `schema/${name}/tenants`, [{ name: tenant }])).toBe(200);
  }
  const id = markerId(tenant);
  const properties = { to: 7, version: 6 };
  expect(await ask("POST", "objects", { class: markers, id, tenant, properties })).toBe(200);
  const cold = openAs(deployment);
  expect(await cold.readMarker(tenant)).toEqual({ to: 7, version: 6 });
  await cold.writeMarker(tenant, { to: 9 as never, version: 8 as never });
  expect(await cold.readMarker(tenant)).toEqual({ to: 9, version: 8 });
  expect(await ask("GET", `objects/${markers}/${id}?tenant=${tenant}`)).toBe(404);
  await cold.eraseTenant(tenant);
  expect(await ask("GET", `schema/${markers}/tenants/${tenant}`)).toBe(404);
});

test("labelled objects that do not say so, of an earlier Freshet, are hidden all the same, before and after their renewal (C6)", async () => {
  const cold = open(weaviateAddress());
  closing.push(() => cold.close());
  const tenant = freshTenant("unmarked");
  await cold.ensureTenant(tenant);
  const hidden = Array.from({ length: 20 }, (_, n) =>
    coldObject(tenant, { id: `hidden${n}`, info: { acl: n % 2 === 0 ? ["other"] : [] } }),
  );
  const own = coldObject(tenant, { id: "own", info: { acl: ["own"] }, angle: 2 });
  await cold.upsert(tenant, [...hidden, own, coldObject(tenant, { id: "open", angle: 2.5 })]);
  const { url, apiKey = "" } = weaviateAddress();
  for (const { id } of hidden) {
    const reply = await fetch(`${url}/v1/objects/FreshetChunk/${id}`, {
      method: "PATCH",
      headers: { "content-type": "application/json", authorization: `Bearer ${apiKey}` },
      body: JSON.stringify({
        ...{ class: "FreshetChunk", id, tenant },
        properties: { facets: [], termsVersion: 1 },
      }),
    });
    expect(reply.ok, await reply.text()).toBe(true);
  }
  const access = accessOf(["own"], "allow");
  const query = { tenant, vector: direction(0), text: "text", limit: 2, access };
  const found = async () =>
    new Set((await cold.search(query)).hits.map(({ documentId }) => documentId));
  expect(await found()).toEqual(new Set(["open", "own"]));
  const old = (await cold.walk(tenant, { after: null, limit: 100 })).filter(
    ({ hasOldTerms }) => hasOldTerms === true,
  );
  expect(old).toHaveLength(hidden.length);
  await cold.renewTerms(
    tenant,
    old.map(({ id }) => id),
  );
  expect(await found()).toEqual(new Set(["open", "own"]));
});

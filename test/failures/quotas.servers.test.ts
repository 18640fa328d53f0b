import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type NatsConnection, headers as natsHeaders } from "nats";
import { afterAll, beforeAll, expect, it } from "vitest";
import { preferredNode } from "../../src/cluster/ownership.ts";
import { partitionOf, type TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { httpClient } from "../support/http-service.ts";
import { eventually } from "../support/promises.ts";

/** Two engines, one file of quotas: both surfaces, and the nodes that do not own the tenant. */

const names = ["node-a", "node-b"] as const;
/** Far below what the slowest machine answers. */
const perSecond = 2;

let site: Site;
let nodes: readonly FreshetProcess[];
let nats: NatsConnection;
let quotasFile: string;

const write = (quotas: object): void => writeFileSync(quotasFile, JSON.stringify(quotas));

/** Drawn to node-a: every second request reaches a node that has to ask. */
function tenantOf(label: string): TenantId {
  for (;;) {
    const tenant = freshTenant(label);
    if (preferredNode(partitionOf(tenant, 8), names) === "node-a") return tenant;
  }
}

beforeAll(async () => {
  site = await openSite();
  quotasFile = join(site.nats.directory, "quotas.json");
  write({ format: 1 });
  const start = (name: string) =>
    site.startEngine({ FRESHET_NODE: name, FRESHET_QUOTAS_FILE: quotasFile });
  nodes = [await start("node-a"), await start("node-b")];
  nats = await connect({ servers: site.nats.url });
  await eventually(async () => {
    const states = await Promise.all(nodes.map(({ url }) => httpClient(url).status()));
    expect(states.map(({ partitions }) => partitions.owned).every((owned) => owned > 0)).toBe(true);
  });
});

afterAll(async () => {
  await nats?.close();
  await site.close();
});

async function post(url: string, tenant: TenantId, body: object) {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "x-tenant": tenant },
    body: JSON.stringify(body),
  });
}

/** As fast as two nodes take it, for a while: statuses, and how long it took. */
async function flood(ms: number, send: (node: FreshetProcess, index: number) => Promise<number>) {
  const begun = performance.now();
  const statuses: number[] = [];
  let sent = 0;
  const loop = async (node: FreshetProcess): Promise<void> => {
    while (performance.now() - begun < ms) {
      sent += 1;
      statuses.push(await send(node, sent));
    }
  };
  await Promise.all([...nodes, ...nodes, ...nodes, ...nodes].map(loop));
  const seconds = (performance.now() - begun) / 1_000;
  return { passed: statuses.filter((status) => status < 300).length, statuses, seconds };
}

const quotaOf = (tenant: TenantId, quota: object) => ({ format: 1, tenants: { [tenant]: quota } });

it("holds over both nodes together, for questions and documents over HTTP, with Retry-After", async () => {
  const tenant = tenantOf("exact");
  const text = "The spare key hangs in the barn.";
  const { seq } = (await (
    await post(`${nodes[0]?.url}/v1/documents`, tenant, { id: "a", text })
  ).json()) as { seq: number };
  await site.event(seq);
  const rates = { documents_per_second: perSecond, questions_per_second: perSecond };
  write(quotaOf(tenant, { ...rates, burst_seconds: 1 }));
  // QF1, by two clocks.
  await new Promise((resolve) => setTimeout(resolve, limits.quotasCheckMs + 500));
  const sides = {
    questions: (node: FreshetProcess) =>
      post(`${node.url}/answer`, tenant, { query: "where is the key", mode: "search" }),
    documents: (node: FreshetProcess, index: number) =>
      post(`${node.url}/v1/documents`, tenant, { id: `d${index % 5}`, text }),
  };
  for (const [what, send] of Object.entries(sides)) {
    const retryAfter = new Set<string | null>();
    const { passed, statuses, seconds } = await flood(4_000, async (node, index) => {
      const reply = await send(node, index);
      await reply.arrayBuffer();
      if (reply.status === 429) retryAfter.add(reply.headers.get("retry-after"));
      return reply.status;
    });
    expect(
      statuses.filter((status) => ![200, 202, 429].includes(status)),
      what,
    ).toEqual([]);
    expect(retryAfter, what).toEqual(new Set(["1"]));
    expect(passed, what).toBeLessThanOrEqual(perSecond + perSecond * seconds);
    // A machine that is busy sends less; what it sent above the rate was let through to the bound.
    expect(passed, what).toBeGreaterThan(perSecond);
  }
});

it("is the same typed error over NATS, with the time to wait", async () => {
  const tenant = tenantOf("typed");
  write(quotaOf(tenant, { questions_per_second: 0.01 }));
  await new Promise((resolve) => setTimeout(resolve, limits.quotasCheckMs + 500));
  const ask = () =>
    nats.request(`query.${tenant}`, JSON.stringify({ query: "key", mode: "search" }), {
      ...{ timeout: 30_000, headers: natsHeaders() },
    });
  await ask();
  const reply = await ask();
  expect(reply.headers?.get("Nats-Service-Error-Code")).toBe("429");
  expect(reply.json()).toMatchObject({
    error: {
      ...{ code: "quota_exceeded", retryable: true },
      details: { quota: "questions_per_second", of: "tenant", limit: 0.01 },
    },
  });
  const { error } = reply.json<{ error: { details: { retry_after_ms: number } } }>();
  expect(error.details.retry_after_ms).toBeGreaterThan(60_000);
});

it("slows what is published over NATS and loses none of it; deletes pass at once over HTTP", async () => {
  const tenant = tenantOf("paced");
  write(quotaOf(tenant, { documents_per_second: 5, burst_seconds: 1 }));
  await new Promise((resolve) => setTimeout(resolve, limits.quotasCheckMs + 500));
  const begun = performance.now();
  const seqs: number[] = [];
  for (let index = 0; index < 20; index += 1) {
    const payload = new TextEncoder().encode(JSON.stringify({ id: `${index}`, text: "rivers" }));
    seqs.push((await site.log.docs.publish({ tenant, payload })).seq);
  }
  // The burst is through, and the owner has the next one in hand.
  await site.event(seqs[4] ?? 0);
  await eventually(async () => {
    const told = await fetch(`${nodes[0]?.url}/v1/usage`, { headers: { "x-tenant": tenant } });
    expect(await told.json()).toMatchObject({ left: { documents_per_second: 0 } });
  });
  const late = await post(`${nodes[1]?.url}/v1/documents`, tenant, { id: "x", text: "rivers" });
  expect(late.status).toBe(429);
  const deleting = await fetch(`${nodes[1]?.url}/v1/documents/0`, {
    method: "DELETE",
    headers: { "x-tenant": tenant },
  });
  expect(deleting.status).toBe(202);
  const { seq } = (await deleting.json()) as { seq: number };
  const events = await Promise.all([...seqs, seq].map((each) => site.event(each)));
  expect(events.map(({ status }) => status)).toEqual([...seqs.map(() => "visible"), "deleted"]);
  expect(performance.now() - begun).toBeGreaterThan(1_000 * ((20 - 5) / 5) - 100);
  const usage = (await (
    await fetch(`${nodes[1]?.url}/v1/usage`, { headers: { "x-tenant": tenant } })
  ).json()) as object;
  expect(usage).toMatchObject({
    ...{ tenant, documents: 19, quota: { documents_per_second: 5 } },
    last_minute: { documents: 21 },
  });
});

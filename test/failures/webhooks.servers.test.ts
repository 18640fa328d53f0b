/**
 * Webhooks of real processes: engine, merge worker and a receiver, each of which is killed while
 * documents are published.
 */

import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort } from "../../ops/servers/ports.ts";
import { entriesOf } from "../../src/cli/commands/audit.ts";
import type { EndpointChanged, ShownEndpoint } from "../../src/contract/endpoint.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";
import { eventually } from "../support/promises.ts";
import { runCommand } from "../support/run-freshet.ts";
import { type Receiver, startReceiver } from "../support/webhook-receiver.ts";

let site: Site;
let engine: FreshetProcess;
let worker: FreshetProcess;
const receivers: Receiver[] = [];

beforeAll(async () => {
  site = await openSite({ FRESHET_WEBHOOK_NETWORKS: "127.0.0.1", FRESHET_AUDIT: "stream" });
  engine = await site.startEngine();
  worker = await site.startMergeWorker();
});

afterAll(async () => {
  for (const receiver of receivers) await receiver.kill9();
  await site.close();
});

async function receiver(name: string): Promise<Receiver> {
  const file = join(site.nats.directory, `${name}.ndjson`);
  const started = await startReceiver(await freePort(), file);
  receivers.push(started);
  return started;
}

async function request<Reply>(
  tenant: TenantId,
  path: string,
  init: { readonly method?: string; readonly body?: unknown } = {},
): Promise<Reply> {
  const { method = "GET", body } = init;
  const response = await fetch(`${engine.url}${path}`, {
    method,
    headers: { "x-tenant": tenant, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  return (text === "" ? null : JSON.parse(text)) as Reply;
}

const add = async (tenant: TenantId, url: string): Promise<ShownEndpoint> => {
  const added = await request<EndpointChanged>(tenant, "/v1/webhooks", {
    ...{ method: "POST", body: { url } },
  });
  expect(added.secret).toMatch(/^whsec_/);
  return added.webhook;
};

async function publish(tenant: TenantId, index: number): Promise<number> {
  const id = `doc-${index % 20}`;
  const operation =
    index % 7 === 6 ? { op: "delete", id } : { id, text: `Barrel ${index} is in cellar 4.` };
  const payload = new TextEncoder().encode(JSON.stringify(operation));
  return (await site.log.docs.publish({ tenant, payload })).seq;
}

/** Each in order; what comes twice comes again before a newer one does. */
function checkTaken(receiving: Receiver, seqs: readonly number[]): { readonly repeated: number } {
  const taken = receiving.taken();
  const order = taken.map(({ seq }) => seq);
  expect([...order].sort((one, other) => one - other)).toEqual(order);
  expect([...new Set(order)]).toEqual(seqs);
  for (const { id, seq } of taken) expect(id.endsWith(`_${seq}`)).toBe(true);
  return { repeated: order.length - seqs.length };
}

/** A failure waits for seconds by the schedule; an operator resumes at once, and so does this. */
async function nudge(tenant: TenantId, id: string): Promise<void> {
  await request(tenant, `/v1/webhooks/${id}`, { method: "POST", body: { action: "resume" } });
}

it("loses and reorders nothing for a receiver that is killed fifty times while documents are published (DX1, DX2)", async () => {
  const tenant = freshTenant("hook");
  const receiving = await receiver("fifty");
  const webhook = await add(tenant, receiving.url);
  const seqs: number[] = [];
  let kills = 0;
  const publishing = (async () => {
    for (let index = 0; index < 250; index += 1) {
      seqs.push(await publish(tenant, index));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  while (kills < 50) {
    const before = receiving.taken().length;
    await eventually(() => expect(receiving.taken().length).toBeGreaterThan(before));
    await receiving.restart();
    kills += 1;
    await nudge(tenant, webhook.id);
    // Documents last as long as the kills do.
    if (seqs.length >= 250) seqs.push(await publish(tenant, seqs.length), await publish(tenant, 1));
  }
  await publishing;
  await nudge(tenant, webhook.id);
  const last = seqs.at(-1);
  await eventually(() => expect(receiving.taken().at(-1)?.seq).toBe(last));
  const { repeated } = checkTaken(receiving, seqs);
  expect(kills).toBe(50);
  expect(repeated).toBeLessThanOrEqual(kills);
}, 360_000);

it("sends again, under its id, what a killed worker had not noted, and nothing out of order (DX1)", async () => {
  const tenant = freshTenant("worker");
  const receiving = await receiver("worker");
  await add(tenant, receiving.url);
  const seqs: number[] = [];
  for (let round = 0; round < 2; round += 1) {
    for (let index = 0; index < 10; index += 1) seqs.push(await publish(tenant, index));
    const before = receiving.taken().length;
    await eventually(() => expect(receiving.taken().length).toBeGreaterThan(before));
    await worker.kill9();
    await worker.restart();
  }
  const last = seqs.at(-1);
  await eventually(() => expect(receiving.taken().at(-1)?.seq).toBe(last));
  checkTaken(receiving, seqs);
});

it("is set up, tested, replayed and removed from the command line", async () => {
  const tenant = freshTenant("cli");
  const receiving = await receiver("cli");
  const freshet = async (...args: readonly string[]) => {
    // It need not be told that the installation has a trail.
    const { FRESHET_AUDIT: _, ...env } = site.env;
    const ran = runCommand(["webhook", ...args, "--tenant", tenant, "--json"], env);
    expect(await ran.ended, ran.stderr()).toBe(0);
    return JSON.parse(ran.stdout());
  };
  const { webhook } = await freshet("add", "--url", receiving.url);
  expect((await freshet("test", webhook.id)).test).toMatchObject({ delivered: true, status: 204 });
  const seq = await publish(tenant, 0);
  await eventually(() => expect(receiving.taken().at(-1)?.seq).toBe(seq));
  await freshet("replay", webhook.id, "--from-seq", String(seq));
  await eventually(() =>
    expect(receiving.taken().filter((one) => one.seq === seq)).toHaveLength(2),
  );
  expect((await freshet("list")).webhooks).toMatchObject([{ id: webhook.id, status: "active" }]);
  await freshet("remove", webhook.id);
  expect((await freshet("list")).webhooks).toEqual([]);
  const trail = { audit: site.log.audit, key: undefined };
  const { entries } = await entriesOf(trail, { tenant, max: 10 });
  expect(entries.filter(({ node }) => node === "cli").map(({ operation }) => operation)).toEqual([
    ...["webhook_add", "webhook_test", "webhook_replay", "webhook_remove"],
  ]);
});

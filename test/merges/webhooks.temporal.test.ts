/** Webhooks over a real Temporal: a log and a receiver in memory, workflow and worker as they are. */

import { Client } from "@temporalio/client";
import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { afterEach, expect, it } from "vitest";
import { deliveryWorkflowId } from "../../src/contract/delivery.ts";
import type { EndpointPost, EndpointReply } from "../../src/contract/endpoint.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { eventsAfter, readFromOf } from "../../src/engine/events.ts";
import { createEndpoints } from "../../src/log/endpoint-admin.ts";
import { connectTemporal } from "../../src/merges/temporal/client.ts";
import { startMergeWorker } from "../../src/merges/temporal/worker.ts";
import { createWorld, RecordWriter } from "../activities/world.ts";
import { compiledDirectory } from "../support/environment.ts";
import { testSigner } from "../support/signer.ts";
import { eventually, freshName, server, withConnection } from "./cluster.ts";
import { checkSavedHistory } from "./saved-history.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const url = "https://receiver.example.com/secret-path";

function site(label: string) {
  const tenant = freshName(label);
  const { ports, endpoints: store } = createWorld();
  const { log, cold, clock, logger, metrics } = ports;
  const temporal = { ...server(), clock, logger, taskQueue: freshName("webhook-test") };
  const connect = (settings: { readonly deployment?: string } = {}) => {
    const made = connectTemporal({ ...temporal, ...settings });
    closers.push(() => made.close());
    return made;
  };
  const client = connect();
  const posts: EndpointPost[] = [];
  let reply: (post: EndpointPost) => EndpointReply = () => ({ kind: "delivered", status: 200 });
  let drawn = 0;
  const post = async (sent: EndpointPost) => {
    posts.push(sent);
    return reply(sent);
  };
  const endpoints = createEndpoints({
    ...{ store, post, refusal: () => undefined },
    lastVersion: async () => 0 as never,
    lastSequence: async () => 0 as never,
    changed: (of, id) => client.deliveryChanged(of, id),
    nowMs: () => clock.nowMs(),
    random: (bytes) => {
      drawn += 1;
      return new Uint8Array(bytes).fill(drawn);
    },
  });
  const stateOf = async () =>
    ({ id: "x", status: "absent", visible_seq: Number.MAX_SAFE_INTEGER }) as const;
  const readFrom = readFromOf(log);
  const view = { chunks: log.chunks, notices: log.events, clock, stateOf, readFrom };
  const startWorker = async () => {
    const worker = await startMergeWorker({
      ...{ ...temporal, log, cold, metrics, sign: testSigner, bundleDir: compiledDirectory() },
      deliveries: {
        ...{ store, post, random: () => 0 },
        events: (of, options) => eventsAfter(view, { tenant: of, ...options }),
      },
    });
    const running = worker.run();
    closers.push(async () => {
      await worker.shutdown();
      await running;
    });
    await worker.ready;
  };
  const answers = (next: typeof reply): void => {
    reply = next;
  };
  const sent = () => posts.map(({ body }) => JSON.parse(body).data.version as number);
  /** A webhook of which no workflow has been told. */
  const active = async () => {
    const id = "wh_aaaaaaaaaaaaaaaa";
    const secrets = [{ value: "whsec_AAAA", createdAtMs: 0 }];
    await store.add(
      { id, tenant, url, types: ["document.indexed"], secrets, status: "active", createdAtMs: 0 },
      { after: 0, delivered: 0, failed: 0 },
    );
    return id;
  };
  const writer = new RecordWriter(log, tenant);
  return {
    active,
    tenant,
    store,
    endpoints,
    client,
    connect,
    posts,
    sent,
    answers,
    writer,
    startWorker,
  };
}

const runOf = (tenant: TenantId, id: string) =>
  withConnection(async (connection) => {
    const { namespace } = server();
    const handle = new Client({ connection, namespace }).workflow.getHandle(
      deliveryWorkflowId(tenant, id),
    );
    const { status } = await handle.describe();
    return { status: status.name, history: historyToJSON(await handle.fetchHistory()) };
  });

it("sends in order, tries again by durable timers, and is over when the receiver is gone", async () => {
  const { tenant, endpoints, sent, answers, writer, startWorker, store } = site("hook-story");
  await startWorker();
  let failures = 2;
  answers(() => {
    failures -= 1;
    return failures >= 0
      ? { kind: "failed", reason: "status 503" }
      : { kind: "delivered", status: 200 };
  });
  const versions = [await writer.upsert("alpha"), await writer.delete("alpha")];
  const { webhook } = await endpoints.add(tenant, { url, events: ["document.indexed"] });
  const { id } = webhook;
  await eventually(async () => (await store.failures({ tenant, id })).length === 1);
  // An operator need not wait for the schedule.
  await endpoints.change(tenant, id, { action: "resume" });
  await eventually(async () => (await store.failures({ tenant, id })).length === 2);
  await eventually(async () => (await endpoints.show(tenant, id)).delivered === 1);
  expect(sent()).toEqual([versions[0], versions[0], versions[0]]);
  answers(() => ({ kind: "gone", status: 410 }));
  await writer.upsert("beta");
  await eventually(async () => (await endpoints.show(tenant, id)).status === "disabled");
  await eventually(async () => (await runOf(tenant, id)).status === "COMPLETED");
  const { history } = await runOf(tenant, id);
  const hides = ["secret-path", "whsec_", "alpha"];
  checkSavedHistory(history, { name: "webhook", holds: "deliverEvents", hides });
});

it("serves a webhook that nobody told it of, rests while that is paused, and resumes", async () => {
  const { active, tenant, endpoints, sent, writer, startWorker, client } = site("hook-sweep");
  const first = await writer.upsert("alpha");
  const id = await active();
  await startWorker();
  await eventually(() => sent().length === 1);
  await endpoints.change(tenant, id, { action: "pause" });
  await eventually(async () => (await runOf(tenant, id)).status === "COMPLETED");
  const second = await writer.upsert("beta");
  await client.deliveryDue(tenant, id);
  await eventually(async () => (await runOf(tenant, id)).status === "COMPLETED");
  expect(sent()).toEqual([first]);
  await endpoints.change(tenant, id, { action: "resume" });
  await eventually(() => sent().length === 2);
  expect(sent()).toEqual([first, second]);
  await endpoints.remove(tenant, id);
  await eventually(async () => (await runOf(tenant, id)).status === "COMPLETED");
});

it("serves a webhook whose run another log began, which this one took the place of", async () => {
  const { active, tenant, sent, writer, startWorker, connect, client } = site("hook-restored");
  const first = await writer.upsert("alpha");
  const id = await active();
  await connect({ deployment: "fedcba9876543210" }).deliveryDue(tenant, id);
  await startWorker();
  await eventually(async () => (await runOf(tenant, id)).status === "COMPLETED");
  expect(sent()).toEqual([]);
  // As the worker does it for every active webhook, every few minutes.
  await client.deliveryDue(tenant, id);
  await eventually(() => sent().length === 1);
  expect(sent()).toEqual([first]);
});

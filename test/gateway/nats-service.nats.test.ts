import { setTimeout as sleep } from "node:timers/promises";
import { connect, createInbox, headers, type Msg, type NatsConnection } from "nats";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { createHandler } from "../../src/gateway/handler.ts";
import { type NatsService, startNatsService } from "../../src/gateway/nats-service.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { startProxy } from "../chaos/proxy.ts";
import { countingMetrics } from "../support/counting-metrics.ts";
import { serversOfFile } from "../support/side-by-side.ts";
import { FakeService } from "./fake-service.ts";

const servers = serversOfFile().nats.url;

let client: NatsConnection;
let engine: NatsConnection;
let service: FakeService;
let micro: NatsService;
let metrics: ReturnType<typeof countingMetrics>;

async function start(connection: NatsConnection, questionsInFlightMax?: number) {
  const handler = createHandler({
    service,
    log: silentLogger,
    clock: systemClock,
    questionsInFlightMax,
  });
  return startNatsService({ connection, handler, version: "1.2.3", stopMs: 100, metrics });
}

beforeEach(async () => {
  [client, engine] = await Promise.all([connect({ servers }), connect({ servers })]);
  service = new FakeService();
  metrics = countingMetrics();
  const payload = new TextEncoder().encode(JSON.stringify({ id: "a", text: "rivers rise" }));
  await service.publish("demo", { payload });
  micro = await start(engine, 1);
});
afterEach(async () => {
  await micro.close();
  await Promise.all([client.close(), engine.close()]);
});

const ask = (tenant: string, body: unknown) =>
  client.request(`query.${tenant}`, typeof body === "string" ? body : JSON.stringify(body), {
    timeout: 5_000,
  });
async function statsOf(endpoint: string) {
  for await (const one of await client.services.client().stats("freshet")) {
    return one.endpoints?.find(({ name }) => name === endpoint);
  }
  return undefined;
}
const codeOf = (reply: Msg) => reply.headers?.get("Nats-Service-Error-Code");

describe("the micro service", () => {
  it("answers a question on the tenant's subject", async () => {
    const reply = await ask("demo", { query: "rivers" });
    expect(codeOf(reply)).toBe("");
    expect(reply.json()).toMatchObject({ answer: "It was.", sources: [{ id: "a" }] });
    expect(service.asked).toMatchObject([{ tenant: "demo" }]);
  });

  it("B4: refuses a question above its bound before it is parsed", async () => {
    const reply = await ask("demo", `{"query":"rivers"${" ".repeat(limits.questionBytesMax)}}`);
    expect(codeOf(reply)).toBe("413");
    expect(service.asked).toEqual([]);
  });

  it("takes the tenant from the subject, not from the body", async () => {
    expect((await ask("acme", { query: "rivers" })).json()).toMatchObject({
      error: { code: "no_results", retryable: false },
    });
    expect(codeOf(await ask("demo", { query: "rivers", tenant: "acme" }))).toBe("400");
  });

  it.each([
    ["", "invalid_json"],
    ["{", "invalid_json"],
    ['{"query":"q","__proto__":{}}', "invalid_json"],
    ["7", "invalid_request"],
    ['{"query":""}', "invalid_request"],
    ['{"query":"q","top_k":0}', "invalid_request"],
  ])("refuses %j with a typed error in header and body", async (body, code) => {
    const reply = await ask("demo", body);
    expect(codeOf(reply)).toBe("400");
    expect(reply.headers?.get("Nats-Service-Error")).not.toBe("");
    expect(reply.json()).toMatchObject({ error: { code } });
  });

  it("refuses a tenant that is no tenant", async () => {
    expect((await ask("ä", { query: "q" })).json()).toMatchObject({
      error: { code: "invalid_tenant" },
    });
  });

  it("refuses what is above its bound of questions", async () => {
    let release = () => {};
    service.hold = new Promise((resolve) => {
      release = resolve;
    });
    const first = ask("demo", { query: "rivers" });
    await expect.poll(() => service.asked.length).toBe(1);
    expect(codeOf(await ask("demo", { query: "rivers" }))).toBe("429");
    release();
    expect((await first).json()).toMatchObject({ answer: "It was." });
  });

  it("streams events under a header when asked to", async () => {
    const inbox = createInbox();
    const replies = client.subscribe(inbox, { max: 5 });
    const body = JSON.stringify({ query: "rivers", stream: true });
    client.publish("query.demo", body, { reply: inbox, headers: headers() });
    const events: string[] = [];
    for await (const reply of replies) {
      if (reply.data.byteLength === 0) {
        events.push("");
        continue;
      }
      const value = reply.json<{ text?: string; answer?: string }>();
      const named = (name: string) => reply.headers?.get(name);
      const text = value.text ?? value.answer ?? "";
      events.push(`${named("Freshet-Seq")} ${named("Freshet-Event")} ${text}`);
    }
    // The empty one closes it for tools that know no headers (NR4).
    expect(events).toEqual(["1 retrieval ", "2 delta It ", "3 delta was.", "4 done It was.", ""]);
  });

  it("shares the questions among nodes: each is answered once", async () => {
    const second = await connect({ servers });
    const other = await start(second);
    for (let n = 0; n < 20; n += 1) await ask("demo", { query: "rivers" });
    expect(service.asked).toHaveLength(20);
    await other.close();
    await second.close();
  });

  it("is found by name, with version and schemas", async () => {
    const found = [];
    for await (const info of await client.services.client().info("freshet")) found.push(info);
    const endpoints = [
      ...[{ subject: "query.*" }, { subject: "api.*.search" }, { subject: "api.*.publish" }],
      ...[{ subject: "api.*.document" }, { subject: "api.*.status" }, { subject: "api.*.listen" }],
      { subject: "api.*.feedback" },
    ];
    expect(found).toMatchObject([{ name: "freshet", version: "1.2.3", endpoints }]);
    const { request_schema } = found[0]?.endpoints[0]?.metadata ?? {};
    expect(JSON.parse(request_schema ?? "")).toMatchObject({ required: ["query"] });
    for (const { metadata } of found[0]?.endpoints ?? []) {
      for (const name of ["request_schema", "response_schema"]) {
        expect(JSON.parse(metadata?.[name] ?? "")).toBeTypeOf("object");
      }
    }
  });

  it("counts replies, errors among them, and the time until the last piece", async () => {
    let release = () => {};
    service.hold = new Promise((resolve) => {
      release = resolve;
    });
    const first = ask("demo", { query: "rivers" });
    await expect.poll(() => service.asked.length).toBe(1);
    expect(await statsOf("query")).toMatchObject({ num_requests: 0, data: { in_flight: 1 } });
    await sleep(30);
    release();
    await first;
    await ask("demo", "{");
    const counted = await statsOf("query");
    expect(counted).toMatchObject({ num_requests: 2, num_errors: 1, last_error: "invalid_json" });
    // Nanoseconds. The library alone would count until its handler returns: next to nothing.
    expect(counted?.processing_time).toBeGreaterThan(25e6);
    expect(counted?.average_processing_time).toBe(Math.round((counted?.processing_time ?? 0) / 2));
    expect(await statsOf("search")).toMatchObject({ num_requests: 0, num_errors: 0 });
  });

  it("tells those it cannot finish when it stops", async () => {
    service.hold = new Promise(() => {});
    const waiting = ask("demo", { query: "rivers" });
    await expect.poll(() => service.asked.length).toBe(1);
    await micro.close();
    expect((await waiting).json()).toMatchObject({ error: { code: "not_ready", retryable: true } });
  });
});

describe("a reply subject", () => {
  const refusedReplies = () => metrics.counted("replies_refused_total");

  /** Who listens there stands for a stream that stores what comes. */
  async function heardAt(victim: string, publish: () => void): Promise<number> {
    let heard = 0;
    const subscription = client.subscribe(victim, { callback: () => void (heard += 1) });
    await client.flush();
    publish();
    await client.flush();
    // Refused or not, the request is through when a later one has been answered.
    await ask("demo", { query: "rivers" });
    await client.flush();
    subscription.unsubscribe();
    return heard;
  }

  it.each([
    "chunks.0.b",
    "$KV.freshet_manifests.tenant.b",
    "$JS.API.STREAM.PURGE.CHUNKS",
    "docs.b",
    "events.b",
    "INBOX.b",
    "x._INBOX.b",
  ])("that is no inbox is not answered, and its question not worked on: %s", async (victim) => {
    const question = JSON.stringify({ query: "rivers" });
    const publish = () => client.publish("query.demo", question, { reply: victim });
    expect(await heardAt(victim, publish)).toBe(0);
    // The one that was asked to know that the other is through.
    expect(service.asked).toHaveLength(1);
    expect(refusedReplies()).toBe(1);
  });

  it.each(["$SRV.INFO", "$SRV.PING.freshet", "$SRV.STATS.freshet"])(
    "that is no inbox is not answered by what the library answers itself: %s",
    async (subject) => {
      const publish = () => client.publish(subject, "", { reply: "chunks.0.b" });
      expect(await heardAt("chunks.0.b", publish)).toBe(0);
      expect(refusedReplies()).toBe(1);
      const info = await client.request("$SRV.INFO.freshet");
      expect(info.json()).toMatchObject({ name: "freshet" });
    },
  );

  it("may be an inbox under a prefix of the requester's own", async () => {
    const inbox = createInbox("_INBOX_acme");
    const subscription = client.subscribe(inbox, { max: 1 });
    client.publish("query.demo", JSON.stringify({ query: "rivers" }), { reply: inbox });
    for await (const reply of subscription)
      expect(reply.json()).toMatchObject({ answer: "It was." });
    expect(refusedReplies()).toBe(0);
  });

  it("must be there: nobody would hear the answer", async () => {
    client.publish("query.demo", JSON.stringify({ query: "rivers" }));
    await client.flush();
    await ask("demo", { query: "rivers" });
    expect(service.asked).toHaveLength(1);
    expect(refusedReplies()).toBe(1);
  });
});

describe("a stop", () => {
  it.each([
    ["says nothing", "both"],
    ["hears, and is not heard", "from-server"],
  ] as const)("ends in its time while the server %s (N4)", async (_, direction) => {
    const proxy = await startProxy(Number(new URL(servers).port));
    const link = await connect({ servers: `127.0.0.1:${proxy.port}` });
    const held = await start(link);
    proxy.hold(direction);
    const ended = held.close().then(() => "ended");
    const over = sleep(limits.natsDrainMs + 10_000, "still there");
    expect(await Promise.race([ended, over])).toBe("ended");
    proxy.heal();
    await link.close();
    await proxy.close();
  });
});

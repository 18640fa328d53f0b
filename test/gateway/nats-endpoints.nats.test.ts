/** What can be asked for over NATS beside questions, and how work ends when its asker has gone. */
import {
  connect,
  createInbox,
  headers,
  type Msg,
  type NatsConnection,
  RequestStrategy,
  usernamePasswordAuthenticator,
} from "nats";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { StoredEvent } from "../../src/contract/events.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { createHandler } from "../../src/gateway/handler.ts";
import { type NatsService, startNatsService } from "../../src/gateway/nats-service.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { countingMetrics } from "../support/counting-metrics.ts";
import { startPrivateNats } from "../support/private-nats.ts";
import { serversOfFile } from "../support/side-by-side.ts";
import { FakeService } from "./fake-service.ts";

const servers = serversOfFile().nats.url;

let client: NatsConnection;
let engine: NatsConnection;
let service: FakeService;
let micro: NatsService;
let audited: object[];

beforeEach(async () => {
  [client, engine] = await Promise.all([connect({ servers }), connect({ servers })]);
  service = new FakeService();
  audited = [];
  const handler = createHandler({ service, log: silentLogger, clock: systemClock });
  const audit = { record: (event: object) => void audited.push(event) };
  const reports = { metrics: countingMetrics(), audit };
  micro = await startNatsService({
    ...{ connection: engine, handler, version: "1.2.3", stopMs: 100, ...reports },
  });
});
afterEach(async () => {
  await micro.close();
  await Promise.all([client.close(), engine.close()]);
});

/** The machine may be busy. */
const patient = { timeout: 20_000 };

type Named = Readonly<Record<string, string>>;

async function call(endpoint: string, body: unknown = {}, named: Named = {}): Promise<Msg> {
  const head = headers();
  for (const [name, value] of Object.entries(named)) head.set(name, value);
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return client.request(`api.demo.${endpoint}`, text, { timeout: 10_000, headers: head });
}
const jsonOf = async (reply: Promise<Msg>) => (await reply).json<Record<string, unknown>>();
const codeOf = async (reply: Promise<Msg>) =>
  (await jsonOf(reply))["error"] as { code: string; message: string };

describe("publish over NATS", () => {
  it("checks a document before it is stored, and brings its seq", async () => {
    expect(await jsonOf(call("publish", { id: "a", text: "rivers rise" }))).toEqual({ seq: 1 });
    expect(await codeOf(call("publish", { id: "a" }))).toMatchObject({ code: "invalid_document" });
    expect(service.payloads).toEqual(['{"id":"a","text":"rivers rise"}']);
    expect(audited).toMatchObject([
      { operation: "publish", outcome: "ok", document: "a", surface: "nats", tenant: "demo" },
      { operation: "publish", outcome: "invalid_document" },
    ]);
  });

  it("does a repetition under one message id once, and refuses other content under it", async () => {
    const id = { "Nats-Msg-Id": "k1" };
    expect(await jsonOf(call("publish", { id: "a", text: "one" }, id))).toEqual({ seq: 1 });
    expect(await jsonOf(call("publish", { id: "a", text: "one" }, id))).toEqual({ seq: 1 });
    expect(service.messageIds).toEqual(["k1"]);
    expect(await codeOf(call("publish", { id: "a", text: "two" }, id))).toMatchObject({
      code: "duplicate_id",
    });
  });

  it("takes many as NDJSON, each line with a result of its own", async () => {
    const lines = ['{"id":"a","text":"one"}', "junk", '{"id":"b","op":"delete"}'].join("\n");
    // A client in another language may spell headers its own way.
    const named = { "content-type": "application/x-ndjson; charset=utf-8", "Nats-Msg-Id": "k" };
    expect(await jsonOf(call("publish", lines, named))).toMatchObject({
      results: [
        { line: 1, id: "a" },
        { line: 2, error: { code: "invalid_json" } },
        { line: 3, id: "b" },
      ],
    });
    expect([...service.messageIds].sort()).toEqual(["k/1", "k/3"]);
    expect(audited).toMatchObject([{ operation: "publish", accepted: 2, refused: 1 }]);
  });

  it("passes a refusal on with the time to wait", async () => {
    const { FreshetError } = await import("../../src/contract/errors.ts");
    service.publishFailure = new FreshetError("quota_exceeded", undefined, {
      details: { retry_after_ms: 2_400 },
    });
    const reply = await call("publish", { id: "a", text: "one" });
    expect(reply.headers?.get("Nats-Service-Error-Code")).toBe("429");
    expect(reply.headers?.get("Retry-After")).toBe("3");
    expect(reply.headers?.get("Freshet-Event")).toBe("error");
  });
});

describe("the other endpoints", () => {
  beforeEach(async () => {
    await call("publish", { id: "a", text: "rivers rise" });
    await call("publish", { id: "b", text: "rivers fall" });
  });

  it("search asks no model, and takes no other mode", async () => {
    expect(await jsonOf(call("search", { query: "rise" }))).toMatchObject({
      sources: [{ id: "a" }],
    });
    expect(service.asked).toMatchObject([{ tenant: "demo", question: { mode: "search" } }]);
    expect(await codeOf(call("search", { query: "rise", mode: "answer" }))).toMatchObject({
      code: "invalid_request",
    });
  });

  it("document brings the state of one, its text where that is asked for, or a page", async () => {
    expect(await jsonOf(call("document", { id: "a" }))).toEqual({
      ...{ id: "a", status: "visible", seq: 1, shard: "hot" },
    });
    const withText = await jsonOf(call("document", { id: "a", text: true }));
    expect(withText).toMatchObject({ id: "a", document: { text: "rivers rise", complete: true } });
    expect(await jsonOf(call("document", { id: "z", text: true }))).toMatchObject({
      status: "absent",
    });
    const first = await jsonOf(call("document", { limit: 1 }));
    expect(first).toMatchObject({ documents: [{ id: "a" }], next: "1" });
    const second = await jsonOf(call("document", { limit: 1, after: "1" }));
    expect(second).toMatchObject({ documents: [{ id: "b" }], next: null });
    expect(await codeOf(call("document", { limit: 0 }))).toMatchObject({ code: "invalid_request" });
    expect(await codeOf(call("document", { name: "a" }))).toMatchObject({
      message: "request: has a field that is not known",
    });
  });

  it("status names the asker's tenant and no other", async () => {
    await client.request("api.acme.publish", '{"id":"c","text":"seas"}');
    expect(await jsonOf(call("status", ""))).toMatchObject({
      ready: true,
      tenants: [{ tenant: "demo", documents: 2 }],
    });
  });

  it("listen begins at now, and brings what came after a position", async () => {
    expect(await jsonOf(call("listen"))).toEqual({ events: [], after: 2 });
    const event = (seq: number): StoredEvent => ({
      ...{ id: `${seq}`, seq, status: "visible", at: "2026-01-01T00:00:00Z" },
    });
    service.stored = [event(1), event(2), event(3)];
    expect(await jsonOf(call("listen", { after: 1 }))).toEqual({
      events: [event(2), event(3)],
      after: 3,
    });
    expect(await jsonOf(call("listen", { from_seq: 3 }))).toMatchObject({ events: [{ seq: 3 }] });
    expect(await jsonOf(call("listen", { after: 1, wait_ms: 0 }))).toMatchObject({ after: 3 });
    expect(await jsonOf(call("listen", { after: 3, wait_ms: 0 }))).toEqual({
      ...{ events: [], after: 3 },
    });
  });

  it("listen has nothing to finish: it is told at once that the node stops", async () => {
    await micro.close();
    const handler = createHandler({ service, log: silentLogger, clock: systemClock });
    const reports = { metrics: countingMetrics(), stopMs: limits.stopMs };
    micro = await startNatsService({ connection: engine, handler, version: "1.2.3", ...reports });
    service.hold = Promise.resolve();
    const listening = call("listen", { after: 3, wait_ms: limits.waitMsMax });
    await expect.poll(() => service.listening).toBe(1);
    const beganMs = performance.now();
    await micro.close();
    expect(performance.now() - beganMs).toBeLessThan(limits.stopMs / 2);
    expect(await codeOf(listening)).toMatchObject({ code: "not_ready", retryable: true });
  });

  it("feedback is checked and stored as over HTTP", async () => {
    const said = { query: "rivers", sources: [{ id: "a", relevance: 1 }] };
    expect(await jsonOf(call("feedback", said))).toEqual({ seq: expect.any(Number) });
    expect(await codeOf(call("feedback", "{}"))).toMatchObject({ code: "invalid_request" });
  });

  it("a request above the bound of its endpoint is refused before it is parsed", async () => {
    const long = `{"query":"rivers"${" ".repeat(limits.questionBytesMax)}}`;
    expect(await codeOf(call("search", long))).toMatchObject({ code: "document_too_large" });
    expect(service.asked).toEqual([]);
  });
});

describe("a stream whose asker goes", () => {
  const question = JSON.stringify({ query: "rivers", stream: true });
  let release: () => void;

  beforeEach(async () => {
    await call("publish", { id: "a", text: "rivers rise" });
    service.hold = new Promise((resolve) => {
      release = resolve;
    });
    service.deltas = Array.from({ length: 50 }, (_, n) => `word ${n} `);
  });

  async function ask(tenant: string, id: string) {
    const inbox = createInbox();
    const pieces: Msg[] = [];
    const heard = client.subscribe(inbox, { callback: (_, message) => void pieces.push(message) });
    const named = headers();
    named.set("Freshet-Request-Id", id);
    client.publish(`query.${tenant}`, question, { reply: inbox, headers: named });
    await expect.poll(() => pieces.length, patient).toBe(1);
    return { pieces, heard };
  }
  const ended = (pieces: readonly Msg[]) => pieces.filter(({ data }) => data.byteLength > 0);
  const endOf = (pieces: readonly Msg[]) =>
    ended(pieces).at(-1)?.json<{ error?: { code: string } }>();

  it("ends when the asker cancels it by the id that it gave", async () => {
    const { pieces } = await ask("demo", "request-1");
    client.publish("api.demo.cancel", "request-1");
    await expect.poll(() => endOf(pieces)?.error?.code, patient).toBe("cancelled");
    expect(pieces.at(-1)?.data.byteLength).toBe(0);
    expect(service.signals.at(-1)?.aborted).toBe(true);
  });

  it("is closed by an empty message also where it is refused", async () => {
    const heard = { maxWait: 20_000, strategy: RequestStrategy.SentinelMsg } as const;
    const seen: string[] = [];
    const body = JSON.stringify({ query: "", stream: true });
    for await (const message of await client.requestMany("query.demo", body, heard)) {
      seen.push(message.headers?.get("Freshet-Event") ?? "");
    }
    expect(seen[0]).toBe("error");
  });

  it("is not ended by another tenant, nor by another id", async () => {
    const { pieces } = await ask("demo", "request-1");
    client.publish("api.acme.cancel", "request-1");
    client.publish("api.demo.cancel", "request-2");
    await client.flush();
    await call("status");
    release();
    await expect.poll(() => pieces.at(-1)?.data.byteLength, patient).toBe(0);
    const all = ended(pieces);
    expect(all.at(-1)?.headers?.get("Freshet-Event")).toBe("done");
    expect(all.map((piece) => piece.headers?.get("Freshet-Seq"))).toEqual(
      all.map((_, index) => `${index + 1}`),
    );
  });

  it("ends when nobody hears its pieces any more", async () => {
    const { pieces, heard } = await ask("demo", "request-1");
    heard.unsubscribe();
    await client.flush();
    // More than are on their way when the server's word comes.
    service.deltas = Array.from({ length: 5_000 }, () => "and so on ");
    release();
    await expect.poll(() => service.signals.at(-1)?.aborted, patient).toBe(true);
    await expect
      .poll(() => audited.at(-1), patient)
      .toMatchObject({ operation: "ask", outcome: "cancelled" });
    expect(pieces).toHaveLength(1);
  });
});

/** As `freshet tenant` wrote it before there was anything to ask for but questions. */
const before = `authorization: { users: [
  { user: admin, password: secret }
  { user: replies, password: secret, permissions: {
    publish: { allow: ["_INBOX.>"] }, subscribe: { allow: ["query.*", "freshet.peer.>", "$SRV.>"] }
  } }
] }`;

it("a user of before answers questions as ever, and the log names what it may not (N3)", async () => {
  const authenticator = usernamePasswordAuthenticator("admin", "secret");
  const nats = await startPrivateNats({ accounts: before, authenticator });
  const replies = usernamePasswordAuthenticator("replies", "secret");
  const admin = await connect({ servers: nats.url, authenticator });
  const answering = await connect({ servers: nats.url, authenticator: replies });
  const refused: unknown[] = [];
  const log = {
    ...silentLogger,
    warn: (fields: { readonly subject?: unknown }) => void refused.push(fields.subject),
  };
  const handler = createHandler({ service, log, clock: systemClock });
  const reports = { log, metrics: countingMetrics() };
  const old = await startNatsService({
    ...{ connection: answering, handler, version: "1.2.3", stopMs: 100, ...reports },
  });
  const payload = new TextEncoder().encode(JSON.stringify({ id: "a", text: "rivers rise" }));
  await service.publish("demo", { payload });
  const reply = await admin.request("query.demo", '{"query":"rivers"}', { timeout: 10_000 });
  expect(reply.json()).toMatchObject({ answer: "It was." });
  await expect.poll(() => refused.length, patient).toBe(6);
  expect([...refused].sort()).toEqual([
    ...[
      "api.*.document",
      "api.*.feedback",
      "api.*.listen",
      "api.*.publish",
      "api.*.search",
      "api.*.status",
    ],
  ]);
  const again = await admin.request("query.demo", '{"query":"rivers"}', { timeout: 10_000 });
  expect(again.json()).toMatchObject({ answer: "It was." });
  await old.close();
  await Promise.all([admin.close(), answering.close()]);
  await nats[Symbol.asyncDispose]();
});

import { get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DocumentEvent } from "../../src/contract/events.ts";
import type { TenantId, Version } from "../../src/contract/ids.ts";
import { streamNames } from "../../src/log/nats/streams.ts";
import { deadLetterSubject } from "../../src/log/wire/subjects.ts";
import {
  type FreshetProcess,
  freshTenant,
  openSite,
  type Site,
} from "../support/engine-process.ts";

const tenant = freshTenant("input");
const other = freshTenant("other");
const key = "test-key-of-one-tenant";
let site: Site;
let engine: FreshetProcess;

beforeAll(async () => {
  site = await openSite({ FRESHET_API_KEYS: `${key}=${tenant},test-key-of-another=${other}` });
  engine = await site.startEngine();
});

afterAll(() => site.close());

const oversize = { id: "oversize", text: "water ".repeat(50_000) };
const bad = [
  { name: "malformed JSON", body: '{"id": "broken"', code: "invalid_json", id: null, status: 400 },
  {
    name: "a missing id",
    body: JSON.stringify({ text: "no id" }),
    code: "invalid_document",
    id: null,
    status: 400,
  },
  {
    name: "an oversize text",
    body: JSON.stringify(oversize),
    code: "document_too_large",
    id: "oversize",
    status: 413,
  },
  {
    name: "an unknown operation",
    body: JSON.stringify({ id: "renamed", op: "rename" }),
    code: "unknown_operation",
    id: "renamed",
    status: 400,
  },
] as const;

describe("bad input over JetStream", () => {
  it("ends in a rejected event and a dead letter each, and the documents behind it go on (I2)", async () => {
    const { log } = site;
    const seqs: Version[] = [];
    for (const { body } of bad) seqs.push(await publishRaw(tenant, body));
    const good = await publishRaw(tenant, JSON.stringify({ id: "good", text: "It goes on." }));
    expect(await site.event(good)).toMatchObject({ id: "good", status: "visible" });

    const events = await Promise.all(seqs.map((seq) => site.event(seq)));
    const told = ({ id, status, reason }: DocumentEvent) => ({ id, status, reason });
    expect(events.map(told)).toEqual(
      bad.map(({ id, code }) => ({ id, status: "rejected", reason: code })),
    );
    const letters = await log.deadLetters.list(tenant, 100);
    expect(
      letters.map(({ version, documentId, reason }) => ({ version, documentId, reason })),
    ).toEqual(
      bad.map(({ id, code }, index) => ({ version: seqs[index], documentId: id, reason: code })),
    );
    // What it said stays in DOCS alone (I10).
    expect(JSON.stringify(letters)).not.toContain("water");
  });

  it("under a token that is no tenant ends in a dead letter, and delays nobody (I9)", async () => {
    const { connection } = site.log;
    const token = "not@a@tenant";
    const { seq } = await connection.jetstream().publish(`docs.${token}`, '{"id":"x","text":"y"}');
    const behind = await publishRaw(other, JSON.stringify({ id: "behind", text: "Still here." }));
    expect(await site.event(behind)).toMatchObject({ status: "visible" });
    const manager = await connection.jetstreamManager();
    await expect
      .poll(
        () =>
          manager.streams
            .getMessage(streamNames.deadLetters, {
              last_by_subj: deadLetterSubject(token, seq as Version),
            })
            .then((message) => message?.json())
            .catch(() => undefined),
        { timeout: 20_000 },
      )
      .toMatchObject({ tenant: token, version: seq, reason: "invalid_tenant" });
  });
});

describe("bad input over HTTP", () => {
  it.each(bad)("$name is a typed error and leaves nothing in the log", async (one) => {
    const before = await site.log.docs.lastSequence();
    const response = await post("/v1/documents", one.body);
    expect(response.status).toBe(one.status);
    expect(response.headers.get("content-type")).toContain("application/problem+json");
    expect(await response.json()).toMatchObject({ code: one.code, retryable: false });
    expect(await site.log.docs.lastSequence()).toBe(before);
  });

  it("in one line of NDJSON fails that line only", async () => {
    const lines = [JSON.stringify({ id: "first", text: "One." }), '{"id":', JSON.stringify({})];
    const response = await post("/v1/documents", lines.join("\n"), {
      "content-type": "application/x-ndjson",
    });
    expect(response.status).toBe(202);
    const { results } = (await response.json()) as { results: readonly object[] };
    expect(results).toMatchObject([
      { line: 1, id: "first" },
      { line: 2, error: { code: "invalid_json" } },
      { line: 3, error: { code: "invalid_document" } },
    ]);
  });

  it("with the key of another tenant is refused with 403, without a key with 401 (I9)", async () => {
    const document = JSON.stringify({ id: "stolen", text: "Not yours." });
    const question = JSON.stringify({ query: "what is there" });
    for (const [path, body] of [
      ["/v1/documents", document],
      ["/answer", question],
    ] as const) {
      const wrong = await post(path, body, { "x-tenant": other });
      expect([wrong.status, await wrong.json()]).toMatchObject([403, { code: "wrong_tenant" }]);
      const none = await post(path, body, { authorization: "" });
      expect([none.status, await none.json()]).toMatchObject([401, { code: "unauthorized" }]);
    }
    const status = await fetch(`${engine.url}/v1/status`, { headers: headersOf({}) });
    const { tenants } = (await status.json()) as { tenants: readonly { tenant: string }[] };
    expect(tenants.map((entry) => entry.tenant)).toEqual([tenant]);
  });
});

async function publishRaw(to: TenantId, body: string): Promise<Version> {
  const { seq } = await site.log.docs.publish({
    tenant: to,
    payload: new TextEncoder().encode(body),
  });
  return seq;
}

function headersOf(more: Readonly<Record<string, string>>): Record<string, string> {
  return { authorization: `Bearer ${key}`, "content-type": "application/json", ...more };
}

function post(path: string, body: string, more: Readonly<Record<string, string>> = {}) {
  return fetch(engine.url + path, { method: "POST", headers: headersOf(more), body });
}

/** A status over a socket of its own, as probes of a cluster ask. */
function probe(path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = get(`${engine.url}${path}`, { agent: false }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode));
    });
    asked.once("error", reject);
  });
}

/** What the probes of `ops/kubernetes` wait. */
const probeMsMax = 5_000;

it("that floods the engine from many sockets keeps no probe waiting (I9)", async () => {
  const flood = new AbortController();
  const wall = (unit: string, chars: number): string =>
    unit.repeat(Math.ceil(chars / unit.length)).slice(0, chars);
  const documentOf = (unit: string) => ({ id: `wall-${unit}`, text: wall(unit, 250_000) });
  const walls = [
    "@",
    "a@",
    "[",
    "](",
    "<div>",
    "+1 2",
    "4111 ",
    "`",
    "*_",
    "\n> ",
    "::",
    "e\u0301",
  ];
  const deep = (open: string, close: string) => open.repeat(20_000) + close.repeat(20_000);
  const many = Array.from({ length: 1_000 }, () => ({ role: "user", content: wall("a?", 900) }));
  const sent: readonly (readonly [path: string, body: string, type?: string])[] = [
    ...walls.map((unit) => ["/v1/documents", JSON.stringify(documentOf(unit))] as const),
    ...walls.map(
      (unit) =>
        ["/answer", JSON.stringify({ query: wall(unit, 1_000), deadline_ms: 2_000 })] as const,
    ),
    ["/answer", deep("[", "]")],
    ["/v1/documents", deep('{"a":', "}")],
    ["/v1/documents", wall("x", 3_000_000)],
    ["/v1/documents", wall('{"id":1}\n', 400_000), "application/x-ndjson"],
    ["/v1/chat/completions", JSON.stringify({ messages: many })],
    ["/v1/embeddings", JSON.stringify({ input: Array(64).fill(wall("a?", 2_000)) })],
  ];
  let answered = 0;
  const floods = Array.from({ length: 24 }, async (_, begin) => {
    for (let at = begin; !flood.signal.aborted; at += 7) {
      const [path, body, type = "application/json"] = sent[at % sent.length] ?? ["/answer", ""];
      const headers = { authorization: `Bearer ${key}`, "content-type": type };
      const init = { method: "POST", headers, body, signal: flood.signal };
      const reply = await fetch(`${engine.url}${path}`, init).catch(() => undefined);
      const text = await reply?.text().catch(() => "");
      if (text !== undefined && reply !== undefined && reply.status !== 500) answered += 1;
    }
  });
  const waits: number[] = [];
  const begunMs = performance.now();
  for (let at = 0; performance.now() - begunMs < 12_000; at += 1) {
    const askedMs = performance.now();
    // A node that is not ready yet says so, as quickly.
    if (at % 2 === 0) expect(await probe("/healthz")).toBe(200);
    else expect([200, 503]).toContain(await probe("/readyz"));
    waits.push(performance.now() - askedMs);
    await sleep(20);
  }
  flood.abort();
  await Promise.all(floods);
  expect(answered).toBeGreaterThan(sent.length);
  expect(Math.max(...waits), `of ${waits.length} probes`).toBeLessThan(probeMsMax);
}, 60_000);

/**
 * Labels and groups over HTTP, with a whole engine behind it: on every route a document that is
 * denied and one that never was are told alike, in memory and in cold.
 */

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance, InjectOptions } from "fastify";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createOperations } from "../../src/compose/operations.ts";
import { makeApiKey } from "../../src/contract/api-key.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { createHandler } from "../../src/gateway/handler.ts";
import { createHttpApp } from "../../src/gateway/http.ts";
import { KeyStore } from "../../src/gateway/key-store.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { type MemoryEngine, startMemoryEngine } from "../support/memory-engine.ts";
import { eventually } from "../support/promises.ts";

const served = async (): Promise<void> => {};

const acme = "acme" as TenantId;
const documents = [
  { id: "open", text: "The harvest feast is on Friday." },
  { id: "plan", text: "The harvest plan doubles the orchard.", acl: ["board", "sales"] },
  { id: "minutes", text: "The harvest minutes name a merger.", acl: ["board"] },
  { id: "nobody", text: "The harvest draft is for nobody.", acl: [] },
];
const created_at = new Date().toISOString();
const made = (groups?: string[]) =>
  makeApiKey(
    { tenant: acme, roles: ["admin"], created_at, ...(groups === undefined ? {} : { groups }) },
    randomBytes,
  );
const keys = { sales: made(["sales"]), none: made([]), all: made() };
type Key = keyof typeof keys;

describe.each(["hot", "cold", "resident"] as const)("a document in %s", (placement) => {
  let engine: MemoryEngine;
  let app: FastifyInstance;
  let metrics: ReturnType<typeof createMetrics>;
  const directory = mkdtempSync(join(tmpdir(), "freshet-access-"));

  beforeAll(async () => {
    engine = startMemoryEngine({
      graceMs: 0,
      ...(placement === "cold" ? { keptBytesMax: 0 } : {}),
    });
    const path = join(directory, "keys.json");
    const entries = Object.values(keys).map(({ entry }) => entry);
    writeFileSync(path, JSON.stringify({ format: 1, keys: entries }));
    metrics = createMetrics();
    const log = silentLogger;
    app = createHttpApp({
      handler: createHandler({ service: engine.service, log, clock: systemClock }),
      operations: createOperations({ ...engine, served, uiUrl: undefined }),
      credentials: { keyStore: KeyStore.open({ path, clock: systemClock, logger: log }) },
      ...{ log, metrics, version: "0.0.1" },
    });
    for (const document of documents) {
      const reply = await call("all", { method: "POST", url: "/v1/documents", payload: document });
      await engine.event(reply.json<{ seq: number }>().seq);
    }
    if (placement === "hot") return;
    expect(await engine.merges.force(acme)).toMatchObject({ kind: "merged" });
    const inHot = () => engine.service.status().tenants[0]?.hot.documents;
    await eventually(async () => expect(inHot()).toBe(0));
  });
  afterAll(async () => {
    await app.close();
    metrics.close();
    await engine.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function call(key: Key, request: InjectOptions) {
    const headers = { ...request.headers, authorization: `Bearer ${keys[key].key}` };
    return app.inject({ ...request, headers });
  }

  const post = (url: string, payload: object): InjectOptions => ({ method: "POST", url, payload });
  const only = (id: string) => ({ type: "eq", key: "id", value: id });
  const chat = (id: string, more: object = {}) =>
    post("/v1/chat/completions", {
      messages: [{ role: "user", content: "the harvest" }],
      freshet: { filter: only(id) },
      ...more,
    });
  const rpc = (method: string, params: object): InjectOptions => ({
    ...post("/mcp", { jsonrpc: "2.0", id: 1, method, params }),
    headers: { accept: "application/json, text/event-stream" },
  });
  const tool = (name: string, args: object) => rpc("tools/call", { name, arguments: args });
  const routes: Readonly<Record<string, (id: string) => InjectOptions>> = {
    "a look-up": (id) => ({ method: "GET", url: `/v1/documents/${id}` }),
    "its text": (id) => ({ method: "GET", url: `/v1/documents/${id}/text` }),
    "a question": (id) => post("/answer", { query: "the harvest", filter: only(id) }),
    "a search": (id) => post("/answer", { query: "the harvest", mode: "search", filter: only(id) }),
    "a streamed question": (id) =>
      post("/answer", { query: "the harvest", stream: true, filter: only(id) }),
    "a chat": (id) => chat(id),
    "a streamed chat": (id) => chat(id, { stream: true }),
    "a search of the vector store": (id) =>
      post("/v1/vector_stores/acme/search", { query: "the harvest", filters: only(id) }),
    "an agent's search": (id) => tool("search", { query: "the harvest", filter: only(id) }),
    "an agent's fetch": (id) => tool("fetch", { id }),
    "an agent's question": (id) => tool("answer", { query: "the harvest", filter: only(id) }),
    "an agent that reads it": (id) =>
      rpc("resources/read", { uri: `freshet://acme/documents/${id}` }),
    "a delete of what it may not see and of nothing": (id) => ({
      method: "DELETE",
      url: `/v1/documents/${id}-not`,
    }),
  };

  /** Without what differs from reply to reply. */
  async function told(key: Key, request: InjectOptions, id: string) {
    const { statusCode, headers, body } = await call(key, request);
    const same = body
      .replaceAll(id, "ID")
      .replaceAll(/chatcmpl-[\w-]+|"(created|seq|visible_seq|total|llm|embed)":[\d.]+/g, "")
      .replaceAll(/"request_id":"[^"]*"|"instance":"[^"]*"/g, "");
    const { date: _, "x-request-id": __, "content-length": ___, ...named } = headers;
    return { statusCode, named, same };
  }

  it.each(Object.entries(routes))("is told by %s as if it never was", async (_, route) => {
    for (const key of ["sales", "none"] as const) {
      const absent = await told(key, route("ghost"), "ghost");
      for (const denied of ["minutes", "nobody"]) {
        expect(await told(key, route(denied), denied)).toEqual(absent);
      }
    }
    expect(await told("none", route("plan"), "plan")).toEqual(
      await told("none", route("ghost"), "ghost"),
    );
  });

  it("is found by whom one of its labels admits, with these labels alone", async () => {
    const seenBy = async (key: Key) => {
      const reply = await call(key, post("/answer", { query: "harvest", mode: "search" }));
      const { sources } = reply.json<{ sources: { id: string; acl?: string[] }[] }>();
      return Object.fromEntries(sources.map(({ id, acl }) => [id, acl]));
    };
    expect(await seenBy("all")).toEqual({
      ...{ open: undefined, plan: ["board", "sales"], minutes: ["board"], nobody: [] },
    });
    expect(await seenBy("sales")).toEqual({ open: undefined, plan: ["sales"] });
    expect(await seenBy("none")).toEqual({ open: undefined });
    const state = await call("sales", { method: "GET", url: "/v1/documents/plan" });
    expect(state.json()).toMatchObject({ status: "visible" });
  });

  it("is found by an agent's tools for whom it is for", async () => {
    const found = async (key: Key) => {
      const { body } = await call(key, tool("search", { query: "the harvest", top_k: 9 }));
      return ["open", "plan", "minutes", "nobody"].filter((id) => body.includes(`documents/${id}`));
    };
    expect(await found("all")).toEqual(["open", "plan", "minutes", "nobody"]);
    expect(await found("sales")).toEqual(["open", "plan"]);
    expect(await found("none")).toEqual(["open"]);
    const { body } = await call("sales", rpc("resources/list", {}));
    expect(body).not.toMatch(/minutes|nobody/);
  });

  it("is named by no event to a key with groups, which may not listen", async () => {
    const events: InjectOptions = { method: "GET", url: "/v1/events?from_seq=0" };
    const reply = await call("sales", events);
    expect(reply.statusCode).toBe(403);
    expect(reply.body).not.toMatch(/minutes|nobody/);
  });

  it.each(["/v1/merge", "/v1/dead-letters", "/v1/usage", "/v1/erases/5"])(
    "is counted or named by no reply of %s to a key with groups",
    async (url) => expect((await call("sales", { method: "GET", url })).statusCode).toBe(403),
  );

  it("is listed for whom it is for", async () => {
    const listed = async (key: Key) => {
      const ids: string[] = [];
      for (let after = ""; ; ) {
        const { body } = await call(key, { method: "GET", url: `/v1/documents?limit=1${after}` });
        const page = JSON.parse(body) as { documents: { id: string }[]; next: string | null };
        ids.push(...page.documents.map(({ id }) => id));
        if (page.next === null) return [...new Set(ids)].sort();
        after = `&after=${encodeURIComponent(page.next)}`;
      }
    };
    expect(await listed("all")).toEqual(["minutes", "nobody", "open", "plan"]);
    expect(await listed("sales")).toEqual(["open", "plan"]);
    expect(await listed("none")).toEqual(["open"]);
  });

  it("of which an equal question was answered to others is not among what is kept", async () => {
    const ask = async (key: Key) => {
      const reply = await call(key, post("/answer", { query: "what of the harvest" }));
      return reply.json<{ sources: { id: string }[]; cache: { search: string } }>();
    };
    await ask("all");
    expect((await ask("all")).cache.search).toBe("hit");
    const first = await ask("sales");
    expect(first.cache.search).toBe("miss");
    expect(first.sources.map(({ id }) => id).sort()).toEqual(["open", "plan"]);
    expect((await ask("sales")).cache.search).toBe("hit");
    expect((await ask("none")).sources.map(({ id }) => id)).toEqual(["open"]);
  });

  it("is not told apart from an absent one while cold is away", async () => {
    engine.cold.setDown(true);
    try {
      const absent = await told("none", { url: "/v1/documents/ghost" }, "ghost");
      for (const denied of ["minutes", "plan"]) {
        const url = `/v1/documents/${denied}`;
        expect(await told("none", { url }, denied)).toEqual(absent);
      }
      expect(absent.statusCode).toBe(placement === "cold" ? 503 : 200);
    } finally {
      engine.cold.setDown(false);
    }
  });
});

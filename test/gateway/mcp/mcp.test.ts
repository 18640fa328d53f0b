/** `/mcp` with the official client of both eras, over a real socket, and by hand where it refuses. */

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterEach, describe, expect, it } from "vitest";
import { FreshetError } from "../../../src/contract/errors.ts";
import type { StoredEvent } from "../../../src/contract/events.ts";
import type { TenantId } from "../../../src/contract/ids.ts";
import { documentIn, documentUri } from "../../../src/gateway/mcp/documents.ts";
import { eventually } from "../../support/promises.ts";
import { type Fixture, fixture, keyOfAcme, keyOfGlobex, rawSocket } from "../http-fixture.ts";

type Era = "legacy" | "auto";
const eras: readonly Era[] = ["auto", "legacy"];

let current: Fixture;
const clients: Client[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await current.close();
});

async function connect(url: string, era: Era, key = keyOfAcme): Promise<Client> {
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: era } });
  const headers = { authorization: `Bearer ${key}` };
  await client.connect(
    new StreamableHTTPClientTransport(new URL("/mcp", url), { requestInit: { headers } }),
  );
  clients.push(client);
  return client;
}

async function start(options: { readonly mcpWrites?: boolean } = {}): Promise<string> {
  current = fixture({ keys: true, ...options });
  return (await current.listen()).url;
}

async function put(id: string, text: string, key = keyOfAcme): Promise<void> {
  const reply = await current.app.inject({
    method: "POST",
    url: "/v1/documents",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    payload: JSON.stringify({ id, text, title: `About ${id}` }),
  });
  expect(reply.statusCode).toBe(202);
}

const namesOf = async (client: Client) =>
  (await client.listTools()).tools.map(({ name }) => name).sort();

describe.each(eras)("an agent of the era %s", (era) => {
  it("finds three tools that read, and none that writes", async () => {
    const client = await connect(await start(), era);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name).sort()).toEqual(["answer", "fetch", "search"]);
    expect(tools.every(({ annotations }) => annotations?.readOnlyHint === true)).toBe(true);
  });

  it("searches, fetches what it found and is answered with sources", async () => {
    const client = await connect(await start(), era);
    await put("a/b", "rivers are long");
    const found = await client.callTool({ name: "search", arguments: { query: "rivers" } });
    const { results } = found.structuredContent as { results: { id: string; url: string }[] };
    expect(results).toMatchObject([{ id: "a/b", title: "About a/b", text: "rivers are long" }]);
    expect(results[0]?.url).toBe("freshet://acme/documents/a%2Fb");
    await client.callTool({ name: "fetch", arguments: { id: "a/b", min_seq: 1 } });
    expect(current.service.asked.at(-1)?.question).toMatchObject({ min_seq: 1 });
    const wishes = { instructions: "Be formal.", language: "de", max_sentences: 2 };
    const answer = await client.callTool({
      name: "answer",
      arguments: { query: "rivers", ...wishes },
    });
    expect(current.service.asked.at(-1)?.question).toMatchObject(wishes);
    expect(answer.structuredContent).toMatchObject({
      answer: "It was.",
      sources: [{ id: "a/b" }],
    });
    const text = JSON.stringify(answer.structuredContent);
    expect(answer.content).toEqual([{ type: "text", text }]);
  });

  it("may fill in null for what it does not say, and is told of it where something is wanted", async () => {
    const client = await connect(await start(), era);
    await put("a", "rivers are long");
    const nothing = { top_k: null, filter: null, min_seq: null, max_staleness_ms: null };
    const found = await client.callTool({
      name: "search",
      arguments: { query: "rivers", ...nothing },
    });
    expect(found.structuredContent).toMatchObject({ results: [{ id: "a" }] });
    expect(current.service.asked.at(-1)?.question).toMatchObject({ query: "rivers", top_k: 5 });
    const wrong = await client.callTool({ name: "search", arguments: { query: null } });
    expect(wrong.isError).toBe(true);
    expect(JSON.stringify(wrong.content)).toContain("query");
    const filter = { "metadata.team": null };
    const inner = await client.callTool({ name: "search", arguments: { query: "rivers", filter } });
    expect(JSON.stringify(inner.content)).toContain("filter.metadata.<key>: a value is text");
  });

  it("is told that nothing matches as a result of a search, and as an error of an answer", async () => {
    const client = await connect(await start(), era);
    const found = await client.callTool({ name: "search", arguments: { query: "oceans" } });
    expect(found.isError).not.toBe(true);
    expect(found.structuredContent).toMatchObject({ results: [] });
    // Nothing found is no reason to believe that nothing is there (I12).
    const details = { coverage: "partial", visible_seq: 7 };
    current.service.failure = new FreshetError("no_results", "the filter hides", { details });
    const some = await client.callTool({ name: "search", arguments: { query: "oceans" } });
    const coverage = { hot: "complete", cold: "partial", llm: "none" };
    expect(some.structuredContent).toEqual({ results: [], visible_seq: 7, coverage });
    current.service.failure = undefined;
    const answer = await client.callTool({ name: "answer", arguments: { query: "oceans" } });
    expect(answer.isError).toBe(true);
    expect(JSON.stringify(answer.content)).toContain("no_results");
  });

  it("reads documents as resources, only those of its tenant (MP1)", async () => {
    const url = await start();
    const client = await connect(url, era);
    await put("a", "document a is here");
    await put("secret", "secret of globex", keyOfGlobex);
    const { resources } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(["freshet://acme/documents/a"]);
    // Once all of a tenant is merged, the page of memory is empty and the next one is not.
    current.service.emptyPages = 1;
    expect((await client.listResources()).resources).toEqual(resources);
    const read = await client.readResource({ uri: "freshet://acme/documents/a" });
    expect(read.contents).toMatchObject([{ text: "document a is here" }]);
    for (const uri of [
      "freshet://globex/documents/secret",
      "freshet://acme/documents/none",
      "freshet://acme/documents/",
    ]) {
      // Invalid params: it is the caller who asked for what is not there.
      await expect(client.readResource({ uri })).rejects.toMatchObject({ code: -32_602 });
    }
  });

  it("may publish and delete where the operator allows it", async () => {
    const client = await connect(await start({ mcpWrites: true }), era);
    expect(await namesOf(client)).toEqual(["answer", "delete", "fetch", "publish", "search"]);
    const put = await client.callTool({
      name: "publish",
      arguments: { id: "n", text: "new note", metadata: { team: "ops" } },
    });
    expect(put.structuredContent).toEqual({ id: "n", seq: 1 });
    expect(JSON.parse(current.service.payloads[0] ?? "")).toMatchObject({ id: "n" });
    const gone = await client.callTool({ name: "delete", arguments: { id: "n" } });
    expect(gone.structuredContent).toEqual({ id: "n", seq: 2 });
  });

  it("gets a refusal with a code when its arguments are wrong (MX2)", async () => {
    const client = await connect(await start(), era);
    const wrong = [
      {},
      { query: "" },
      { query: "x", top_k: 0 },
      { query: "x", filter: { nosuch: 1 } },
      // A filter by another name, which would be left out unseen.
      { query: "x", filters: { id: "a" } },
    ];
    for (const args of wrong) {
      const reply = await client.callTool({ name: "search", arguments: args });
      expect(reply.isError, JSON.stringify(args)).toBe(true);
      const [told] = reply.content as { text: string }[];
      const { error } = JSON.parse(told?.text ?? "");
      expect(error).toMatchObject({ code: "invalid_request", retryable: false });
      expect(error.message.length).toBeGreaterThan(10);
    }
    const near = await client.callTool({ name: "search", arguments: { query: "x", topK: 2 } });
    expect(JSON.stringify(near.content)).toContain("did you mean top_k?");
  });
});

describe("an agent that listens", () => {
  const at = "2026-11-29T10:00:00.000Z";
  const changed = (id: string, seq: number): StoredEvent => ({ id, seq, status: "visible", at });

  it("is told of a document that changed, and of no other and no other tenant's", async () => {
    const url = await start();
    let release = (): void => {};
    current.service.hold = new Promise((resolve) => {
      release = resolve;
    });
    const heard: string[] = [];
    const client = await connect(url, "auto");
    client.setNotificationHandler("notifications/resources/updated", ({ params }) => {
      heard.push(params.uri);
    });
    const uris = ["freshet://acme/documents/a", "freshet://globex/documents/g"];
    const subscription = await client.listen({ resourceSubscriptions: uris });
    expect(subscription.honoredFilter.resourceSubscriptions).toEqual(uris);
    current.service.stored = [changed("g", 1), changed("b", 2), changed("a", 3)];
    release();
    await eventually(() => expect(heard).toEqual(["freshet://acme/documents/a"]));
    current.service.hold = undefined;
    await subscription.close();
  });

  it("is cut when it does not read what it hears (MP3)", async () => {
    current = fixture({ bounds: { sseBufferBytesMax: 64 * 1024 } });
    const { url } = await current.listen();
    const id = "a".repeat(500);
    current.service.hold = Promise.resolve();
    current.service.stored = Array.from({ length: 30_000 }, (_, at) => changed(id, at + 1));
    const asked = await listenRequestOf(url, documentUri("demo" as TenantId, id));
    await expect.poll(() => current.service.listening).toBe(0);
    const hold = Promise.withResolvers<void>();
    current.service.hold = hold.promise;
    const { socket } = rawSocket(url);
    socket.pause();
    socket.write(asked);
    await expect.poll(() => current.service.listening).toBe(1);
    hold.resolve();
    await expect.poll(() => current.service.listening, { timeout: 10_000 }).toBe(0);
    socket.destroy();
  });

  /** As the official client writes it, for a socket of its own. */
  async function listenRequestOf(url: string, uri: string): Promise<string> {
    let asked = "";
    const client = new Client(
      { name: "test", version: "1" },
      { versionNegotiation: { mode: "auto" } },
    );
    clients.push(client);
    const noting: typeof fetch = async (to, init) => {
      if (String(init?.body).includes("subscriptions/listen")) {
        const head = [...new Headers(init?.headers)].map(([name, value]) => `${name}: ${value}`);
        const length = `content-length: ${Buffer.byteLength(String(init?.body))}`;
        const lines = ["POST /mcp HTTP/1.1", "host: localhost", ...head, length, "", init?.body];
        asked = lines.join("\r\n");
      }
      return fetch(to, init);
    };
    await client.connect(
      new StreamableHTTPClientTransport(new URL("/mcp", url), { fetch: noting }),
    );
    const { stored } = current.service;
    current.service.stored = [];
    await (await client.listen({ resourceSubscriptions: [uri] })).close();
    current.service.stored = stored;
    return asked;
  }
});

describe("/mcp", () => {
  const initialize = {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "by hand", version: "1" },
    },
  };
  const post = (headers: Record<string, string>, body: unknown = initialize) =>
    current.app.inject({
      method: "POST",
      url: "/mcp",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...headers,
      },
      payload: typeof body === "string" ? body : JSON.stringify(body),
    });

  it("answers a client of 2025-11-25 that speaks by hand", async () => {
    current = fixture();
    const reply = await post({});
    expect(reply.statusCode).toBe(200);
    expect(reply.payload).toContain('"name":"freshet"');
  });

  it("promises a client of 2025 no subscription, which takes a session", async () => {
    current = fixture();
    const { result } = JSON.parse((await post({})).payload.replace(/^[^{]*/, ""));
    expect(result.capabilities.resources.subscribe).toBe(false);
  });

  it("takes a client that takes any type, and refuses one that takes no events", async () => {
    current = fixture();
    for (const accept of ["*/*", "text/html, */*;q=0.1"]) {
      expect((await post({ accept })).statusCode, accept).toBe(200);
    }
    expect((await post({ accept: "application/json" })).statusCode).toBe(406);
  });

  it("refuses a page under a foreign name, and takes one of loopback (MP2)", async () => {
    current = fixture();
    for (const origin of ["https://evil.example", "null", "not a url"]) {
      expect((await post({ origin })).statusCode, origin).toBe(403);
    }
    expect((await post({ origin: "http://localhost:5173" })).statusCode).toBe(200);
  });

  it("asks for a key where keys are configured, and for one that may ask", async () => {
    current = fixture({ keys: true });
    expect((await post({})).statusCode).toBe(401);
  });

  it("refuses what is too large, no JSON or no message, and stays up", async () => {
    current = fixture();
    const big = { ...initialize, padding: "x".repeat(3 * 1024 * 1024) };
    expect((await post({}, big)).statusCode).toBe(413);
    expect((await post({}, "{")).statusCode).toBe(400);
    expect((await post({}, [])).statusCode).toBe(400);
    expect((await post({}, { jsonrpc: "2.0" })).statusCode).toBe(400);
    expect((await post({})).statusCode).toBe(200);
  });

  it("has URIs that name any id, and no other tenant's", () => {
    const acme = "acme" as TenantId;
    for (const id of ["a", "a/b", "ä %?#", "..", "%2F"]) {
      expect(documentIn(documentUri(acme, id), acme)).toBe(id);
      expect(documentIn(documentUri("acme2" as TenantId, id), acme)).toBeUndefined();
    }
    expect(documentIn("freshet://acme/documents/%E0%A4%A", acme)).toBeUndefined();
  });

  it.each(["GET", "DELETE", "PUT"] as const)(
    "%s is not taken, with or without a key, and the reply says what is",
    async (method) => {
      const one = fixture({ keys: true });
      const headers = { accept: "text/event-stream" };
      const reply = await one.app.inject({ method, url: "/mcp", headers });
      expect([reply.statusCode, reply.headers.allow]).toEqual([405, "POST"]);
      expect(reply.headers["www-authenticate"]).toBeUndefined();
      await one.close();
    },
  );
});

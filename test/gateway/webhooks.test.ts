import { createHmac } from "node:crypto";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentMetrics } from "../../src/contract/observation.ts";
import type { SourceDefinition } from "../../src/contract/source.ts";
import { MemorySourceStore } from "../../src/ingest/memory-sources.ts";
import { createMapper } from "../../src/ingest/sources/mapper-thread.ts";
import { presets } from "../../src/ingest/sources/presets.ts";
import { createWebhooks, type RunningWebhooks } from "../../src/ingest/sources/webhooks.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { documentTextBytesMax } from "../ingest/sources/kit.ts";
import { fixture, keyOfAcme, keyOfGlobex, rawSocket } from "./http-fixture.ts";

const tenant = "acme" as TenantId;
const secret = "a secret of GitHub's";
const env = { FRESHET_SOURCE_SECRET_REPO: secret };
const hook = (name: string, more: Partial<SourceDefinition>): SourceDefinition => ({
  ...{ name, tenant, options: {}, generation: "00000001", createdAtMs: 0 },
  input: { kind: "webhook" },
  expression: `{"id": body.id, "text": body.text}`,
  ...more,
});
const signedBy = (kind: "github" | "standard"): SourceDefinition["input"] => ({
  kind: "webhook",
  signature: { kind, secret: { env: "FRESHET_SOURCE_SECRET_REPO" } },
});

interface Published {
  readonly tenant: TenantId;
  readonly body: unknown;
  readonly messageId: string | undefined;
  readonly isDelete: boolean | undefined;
}

describe("POST /v1/sources/{name}/events", () => {
  let store: MemorySourceStore;
  let webhooks: RunningWebhooks;
  let published: Published[];
  let refuses: FreshetError | undefined;
  let http: ReturnType<typeof fixture>;

  beforeEach(async () => {
    store = new MemorySourceStore();
    published = [];
    refuses = undefined;
    webhooks = createWebhooks({
      ...{ store, env, clock: systemClock, metrics: silentMetrics },
      createMapper: ({ expression, options }) =>
        // The deadline of a mapping has tests of its own; here the machine may be busy.
        createMapper({
          ...{ expression, options, documentTextBytesMax },
          ...{ clock: systemClock, deadlineMs: 60_000 },
        }),
      service: {
        publish: async (of, { payload, messageId, isDelete }) => {
          await Promise.resolve();
          if (refuses !== undefined) throw refuses;
          const body: unknown = JSON.parse(new TextDecoder().decode(payload));
          published.push({ tenant: of, body, messageId, isDelete });
          return { seq: published.length as Version };
        },
      },
    });
    http = fixture({ webhooks });
    const { expression } = presets.github;
    await store.add(hook("plain", {}));
    await store.add(hook("repo", { input: signedBy("github"), expression }));
    await store.add(hook("standard", { input: signedBy("standard") }));
  });
  afterEach(async () => {
    await http.close();
    await webhooks.close();
  });

  const post = (name: string, body: string, headers: Readonly<Record<string, string>> = {}) =>
    http.app.inject({
      ...{ method: "POST", url: `/v1/sources/${name}/events`, body },
      headers: { "content-type": "application/json", ...headers },
    });
  const github = (body: string, key = secret) => ({
    "x-github-event": "issues",
    "x-github-delivery": "72d3162e",
    "x-hub-signature-256": `sha256=${createHmac("sha256", key).update(body).digest("hex")}`,
  });
  const issue = JSON.stringify({
    action: "opened",
    repository: { full_name: "a/b" },
    issue: { number: 4, title: "Broken", body: "It fails.", state: "open", labels: [] },
  });

  it("publishes what a signed event becomes, and names the delivery (WH1, WH3)", async () => {
    const reply = await post("repo", issue, github(issue));
    expect([reply.statusCode, reply.json()]).toEqual([
      202,
      { operations: [{ id: "a/b/issues/4", seq: 1 }] },
    ]);
    expect(published).toMatchObject([
      {
        tenant,
        messageId: "source/repo/00000001/72d3162e/0",
        body: { id: "a/b/issues/4", title: "Broken", text: "Broken\n\nIt fails." },
      },
    ]);
  });

  it("names a delete as one, so that it passes every quota", async () => {
    const deleted = { ...(JSON.parse(issue) as object), action: "deleted" };
    const body = JSON.stringify(deleted);
    await post("repo", body, github(body));
    await post("repo", issue, { ...github(issue), "x-github-delivery": "another" });
    expect(published.map(({ isDelete }) => isDelete)).toEqual([true, false]);
  });

  it("takes the form that GitHub sends by default", async () => {
    const form = `payload=${encodeURIComponent(issue)}`;
    const type = { "content-type": "application/x-www-form-urlencoded" };
    const reply = await post("repo", form, { ...github(form), ...type });
    expect(reply.json()).toMatchObject({ operations: [{ id: "a/b/issues/4" }] });
  });

  it("refuses a missing, wrong or foreign signature (WH2)", async () => {
    const other = github(`${issue} `);
    for (const headers of [{}, github(issue, "another"), other, { "x-hub-signature-256": "x" }]) {
      expect((await post("repo", issue, headers)).json()).toMatchObject({ code: "unauthorized" });
    }
    expect(published).toEqual([]);
  });

  it("takes Standard Webhooks with a fresh time only", async () => {
    const body = JSON.stringify({ id: "a", text: "x" });
    const signed = (seconds: number) => {
      const signature = createHmac("sha256", secret).update(`m1.${seconds}.${body}`);
      return {
        ...{ "webhook-id": "m1", "webhook-timestamp": String(seconds) },
        "webhook-signature": `v1,bad v1,${signature.digest("base64")}`,
      };
    };
    const now = Math.floor(Date.now() / 1_000);
    expect((await post("standard", body, signed(now))).statusCode).toBe(202);
    const old = signed(now - limits.webhookToleranceMs / 1_000 - 5);
    expect((await post("standard", body, old)).statusCode).toBe(401);
    // Sent again by somebody who has read it, under a name that no signature covers.
    const renamed = { ...signed(now), "x-github-delivery": "another", "ce-id": "another" };
    expect((await post("standard", body, renamed)).statusCode).toBe(202);
    expect(new Set(published.map(({ messageId }) => messageId)).size).toBe(1);
  });

  it("asks for the tenant where a source has no signature (WH2)", async () => {
    const body = JSON.stringify({ id: "a", text: "x" });
    expect((await post("plain", body)).statusCode).toBe(401);
    expect((await post("plain", body, { "x-tenant": "acme" })).statusCode).toBe(202);
  });

  it("tells a failed mapping in the reply and in the dead letters (WH1)", async () => {
    const headers = { "x-tenant": "acme", "idempotency-key": "k 1" };
    const reply = await post("plain", JSON.stringify({ id: "a" }), headers);
    expect([reply.statusCode, reply.json()]).toMatchObject([202, { operations: [] }]);
    expect(reply.json()).toMatchObject({ failed: expect.stringContaining("text") });
    const letters = await store.letters(hook("plain", {}), 5);
    expect(letters).toMatchObject([{ source: "plain", sequence: 0 }]);
  });

  it("lets the sender try again what passes (WH1)", async () => {
    refuses = new FreshetError("overloaded");
    const reply = await post("repo", issue, github(issue));
    expect([reply.statusCode, reply.headers["retry-after"]]).toEqual([429, "1"]);
  });

  it("takes nothing from a page from elsewhere without keys, whatever its type (WR1)", async () => {
    const body = JSON.stringify({ id: "a", text: "x" });
    const from = (origin: string) =>
      post("plain", body, { "x-tenant": "acme", "content-type": "text/plain", origin });
    for (const origin of ["https://evil.example", "null", "http://localhost.evil.example", ""]) {
      expect((await from(origin)).json()).toMatchObject({ code: "forbidden" });
    }
    expect(published).toEqual([]);
    expect((await from("http://localhost:3000")).statusCode).toBe(202);
  });

  it("tells who may send to none the same of each name, with keys (WR2)", async () => {
    const secured = fixture({ webhooks, keys: true });
    const ask = (name: string, headers: object, payload = issue) =>
      secured.app.inject({
        ...{ method: "POST", url: `/v1/sources/${name}/events`, payload },
        headers: { "content-type": "application/json", ...headers },
      });
    const told = async (name: string, headers: object, payload?: string) => {
      const { statusCode, headers: replied, body } = await ask(name, headers, payload);
      return { statusCode, challenge: replied["www-authenticate"], body };
    };
    const large = "x".repeat(limits.sourceEventBytesMax + 1);
    for (const headers of [
      {},
      { authorization: "Bearer wrong-key-0123456789" },
      { authorization: `Bearer ${keyOfGlobex}` },
      github(issue, "another"),
    ]) {
      const ofNone = await told("nothing", headers);
      expect(ofNone).toMatchObject({ statusCode: 401, challenge: "Bearer" });
      expect(await told("plain", headers)).toEqual(ofNone);
      expect(await told("repo", headers)).toEqual(ofNone);
      expect((await told("nothing", headers, large)).statusCode).toBe(413);
    }
    expect(published).toEqual([]);
    expect((await ask("repo", github(issue))).statusCode).toBe(202);
    const own = { authorization: `Bearer ${keyOfAcme}` };
    expect((await ask("plain", own, JSON.stringify({ id: "a", text: "x" }))).statusCode).toBe(202);
    await secured.close();
  });

  describe("with bodies that do not come to an end", () => {
    let secured: ReturnType<typeof fixture>;
    let url: string;
    const sockets: Socket[] = [];
    beforeEach(async () => {
      secured = fixture({ webhooks, keys: true, bounds: { refusedBodyMs: 100 } });
      ({ url } = await secured.listen());
    });
    afterEach(async () => {
      for (const socket of sockets.splice(0)) socket.destroy();
      await secured.close();
    });

    /** What is told first; undefined while its body is waited for. */
    function begin(name: string, headers: readonly string[] = []) {
      const { socket } = rawSocket(url);
      sockets.push(socket);
      const told = new Promise<string>((tell) => socket.once("data", (data) => tell(`${data}`)));
      const head = [`POST /v1/sources/${name}/events HTTP/1.1`, "host: localhost", ...headers];
      socket.write([...head, "transfer-encoding: chunked", "", "1", "{", ""].join("\r\n"));
      return told.then((data) => data.slice(9, 12));
    }
    const refusedOf = (name: string, count: number) =>
      Promise.race(Array.from({ length: count }, () => begin(name)));

    it("strangers who name a source take nothing from its tenant (BO4)", async () => {
      expect(await refusedOf("repo", limits.httpPublishesInFlightMax)).toBe("429");
      const own = Array.from({ length: 3 }, () =>
        begin("plain", [`authorization: Bearer ${keyOfAcme}`]),
      );
      const published = await fetch(`${url}/v1/documents`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${keyOfAcme}` },
        body: JSON.stringify({ id: "a", text: "rivers rise" }),
      });
      expect(published.status).toBe(202);
      expect(await Promise.race([...own, sleep(100, "held")])).toBe("held");
    });

    it("whoever fills one name does not learn by it which other one there is (WR2)", async () => {
      for (const name of ["nothing", "repo"]) {
        expect(await refusedOf(name, limits.httpPublishesInFlightMax)).toBe("429");
        const ofNone = Promise.race([begin("none"), sleep(200, "held")]);
        expect(await Promise.race([begin("standard"), sleep(200, "held")])).toBe(await ofNone);
        for (const socket of sockets.splice(0)) socket.destroy();
      }
    });
  });

  it("says that the provider of tokens is away, of each name, and takes a signature still", async () => {
    const verifyToken = async () => {
      await Promise.resolve();
      throw new FreshetError("identity_unavailable");
    };
    const secured = fixture({ webhooks, keys: true, credentials: { verifyToken } });
    const ask = (name: string, headers: object = {}) =>
      secured.app.inject({
        ...{ method: "POST", url: `/v1/sources/${name}/events`, payload: issue },
        headers: { "content-type": "application/json", authorization: "Bearer a.b.c", ...headers },
      });
    for (const name of ["plain", "repo", "nothing"]) {
      expect((await ask(name)).json()).toMatchObject({ code: "identity_unavailable" });
    }
    expect((await ask("repo", github(issue))).statusCode).toBe(202);
    await secured.close();
  });

  it("knows no other names, methods or sizes", async () => {
    for (const name of ["nothing", "No..t"]) {
      expect((await post(name, "{}")).json()).toMatchObject({ code: "not_found" });
    }
    const get = await http.app.inject("/v1/sources/plain/events");
    expect([get.statusCode, get.headers["allow"]]).toEqual([405, "POST"]);
    const large = "x".repeat(limits.sourceEventBytesMax + 1);
    expect((await post("plain", large, { "x-tenant": "acme" })).statusCode).toBe(413);
  });
});

/** Quotas as callers over HTTP meet them. */

import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeApiKey } from "../../src/contract/api-key.ts";
import { tenantId } from "../../src/contract/ids.ts";
import { quotaExceeded } from "../../src/contract/quota.ts";
import { callsOf, type Fixture, fixture, keyOfAcme } from "./http-fixture.ts";

let current: Fixture;
beforeEach(() => {
  current = fixture();
});
afterEach(() => current.close());

const { publish, ask } = callsOf(() => current);

const exceeded = (retryAfterMs: number) =>
  quotaExceeded({ quota: "documents_per_second", of: "tenant", limit: 5, retryAfterMs });

describe("a quota that is used up", () => {
  it("is 429 with the seconds to wait, and says which quota it is", async () => {
    current.service.publishFailure = exceeded(2_300);
    const reply = await publish({ id: "a", text: "t" });
    expect([reply.statusCode, reply.headers["retry-after"]]).toEqual([429, "3"]);
    expect(reply.json()).toMatchObject({
      ...{ type: "urn:freshet:error:quota_exceeded", code: "quota_exceeded", retryable: true },
      details: { quota: "documents_per_second", of: "tenant", limit: 5, retry_after_ms: 2_300 },
    });
    current.service.publishFailure = exceeded(1);
    expect((await publish({ id: "a", text: "t" })).headers["retry-after"]).toBe("1");
  });

  it("is told to clients of OpenAI's API as a rate limit, with the same header", async () => {
    current.service.failure = quotaExceeded({
      ...{ quota: "questions_per_second", of: "credential", limit: 1, retryAfterMs: 900 },
    });
    const reply = await current.app.inject({
      ...{ method: "POST", url: "/v1/chat/completions" },
      headers: { "content-type": "application/json" },
      payload: JSON.stringify({ messages: [{ role: "user", content: "rivers?" }] }),
    });
    expect([reply.statusCode, reply.headers["retry-after"]]).toEqual([429, "1"]);
    expect(reply.json().error).toMatchObject({ type: "rate_limit_error", code: "quota_exceeded" });
  });

  it("ends an import of lines where it was met, so that the rest can be sent later in its order", async () => {
    current.service.publishFailure = exceeded(500);
    const lines = Array.from({ length: 500 }, (_, index) => ({ id: `${index}`, text: "t" }));
    const reply = await current.app.inject({
      ...{ method: "POST", url: "/v1/documents" },
      headers: { "content-type": "application/x-ndjson" },
      payload: lines.map((line) => JSON.stringify(line)).join("\n"),
    });
    const { results } = reply.json<{ results: { line: number; error: { code: string } }[] }>();
    expect(results.length).toBeLessThan(200);
    expect(new Set(results.map(({ error }) => error.code))).toEqual(new Set(["quota_exceeded"]));
    expect(results.map(({ line }) => line)).toEqual(results.map((_, index) => index + 1));
  });
});

describe("whose quota it is", () => {
  it("is the tenant's and the credential's: the service hears which one asked and published", async () => {
    await publish({ id: "a", text: "rivers" });
    await ask({ query: "rivers" });
    expect(current.service.publishers).toEqual([{ credential: "open", isDelete: false }]);
    expect(current.service.asked).toMatchObject([{ credential: "open" }]);
    await current.close();
    const created_at = new Date(0).toISOString();
    const grant = { tenant: tenantId("acme"), roles: ["admin" as const], created_at };
    const { key, entry } = makeApiKey(grant, randomBytes);
    const found = { tenant: grant.tenant, roles: new Set(grant.roles), credential: entry.id };
    const keyStore = { identityOf: () => ({ ...found, keyId: entry.id }) };
    current = fixture({ keys: true, credentials: { keyStore } });
    for (const bearer of [keyOfAcme, key]) {
      await current.app.inject({
        ...{ method: "DELETE", url: "/v1/documents/a" },
        headers: { authorization: `Bearer ${bearer}` },
      });
    }
    expect(current.service.publishers).toEqual([
      { credential: "env", isDelete: true },
      { credential: entry.id, isDelete: true },
    ]);
  });
});

describe("GET /v1/usage", () => {
  it("tells what the caller's own tenant uses, and what is left of it", async () => {
    await publish({ id: "a", text: "rivers" });
    const reply = await current.app.inject({ method: "GET", url: "/v1/usage" });
    expect(reply.statusCode).toBe(200);
    expect(reply.json()).toMatchObject({
      ...{ tenant: "demo", documents: 1, quota: { questions_per_second: 10 } },
      left: { questions_per_second: 9.5 },
    });
  });

  it.each([
    ["the role query", { roles: new Set(["ingest" as const]) }],
    ["no groups: it counts what they may not see", { groups: ["staff"] }],
  ])("wants %s", async (_what, more) => {
    await current.close();
    const roles = new Set(["query" as const]);
    const found = { tenant: tenantId("acme"), roles, credential: "k", keyId: "k", ...more };
    const keyStore = { identityOf: () => found };
    current = fixture({ credentials: { keyStore } });
    const headers = { authorization: `Bearer frk_0123456789ab_${"a".repeat(43)}` };
    const reply = await current.app.inject({ method: "GET", url: "/v1/usage", headers });
    expect([reply.statusCode, reply.json().code]).toEqual([403, "forbidden"]);
  });
});

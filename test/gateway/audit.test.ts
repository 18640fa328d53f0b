/** What HTTP requests leave in the audit trail. */

import { afterEach, describe, expect, it } from "vitest";
import type { AuditEvent } from "../../src/contract/audit.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import { type Fixture, fixture, keyOfAcme, keyOfGlobex } from "./http-fixture.ts";

const events: AuditEvent[] = [];
const audit = { record: (event: AuditEvent) => void events.push(event) };
let current: Fixture;
afterEach(async () => {
  await current.close();
  events.length = 0;
});

const secret = "the merger of Acme and Globex";
const json = { "content-type": "application/json" };
const as = (key: string) => ({ ...json, authorization: `Bearer ${key}` });

function send(method: "GET" | "POST" | "DELETE", url: string, headers: object, body?: unknown) {
  const payload = typeof body === "string" ? body : JSON.stringify(body);
  return current.app.inject({
    ...{ method, url, headers: { ...headers } },
    ...(body === undefined ? {} : { payload }),
  });
}

describe("the audit trail of HTTP", () => {
  it("has one event for each request, with who, what and how it ended, and never content", async () => {
    current = fixture({ keys: true, audit });
    const document = { id: "contract-7", text: secret };
    await send("POST", "/v1/documents", as(keyOfAcme), document);
    await send("POST", "/v1/documents", as(keyOfAcme), { op: "delete", id: "contract-8" });
    await send("GET", "/v1/documents/contract-7", as(keyOfAcme));
    await send("GET", "/v1/documents", as(keyOfAcme));
    await send("POST", "/answer", as(keyOfAcme), { query: secret });
    await send("DELETE", "/v1/documents/contract-7", as(keyOfAcme));
    const lines = `${JSON.stringify(document)}\n{"id":"", "text":"no id"}\n`;
    const ndjson = { ...as(keyOfAcme), "content-type": "application/x-ndjson" };
    await send("POST", "/v1/documents", ndjson, lines);
    const of = { tenant: "acme", credential: "env", surface: "http", outcome: "ok" };
    expect(events).toMatchObject([
      { ...of, operation: "publish", document: "contract-7" },
      { ...of, operation: "delete", document: "contract-8" },
      { ...of, operation: "read", document: "contract-7" },
      { ...of, operation: "list" },
      { ...of, operation: "ask" },
      { ...of, operation: "delete", document: "contract-7" },
      { ...of, operation: "publish", accepted: 1, refused: 1 },
    ]);
    expect(JSON.stringify(events)).not.toContain(secret);
    for (const key of [keyOfAcme, keyOfGlobex]) expect(JSON.stringify(events)).not.toContain(key);
  });

  it("has who was refused and why, also whose key it was", async () => {
    current = fixture({ keys: true, audit, operatorToken: "operator-token-0123456789" });
    await send("POST", "/answer", json, { query: "q" });
    await send("POST", "/answer", as("key-of-nobody-0123456789"), { query: "q" });
    await send("POST", "/answer", { ...as(keyOfAcme), "x-tenant": "globex" }, { query: "q" });
    await send("POST", "/answer", as(keyOfAcme), "{");
    await send("GET", "/metrics", as(keyOfAcme));
    await send("POST", "/v1/chat/completions", as("key-of-nobody-0123456789"), { messages: [] });
    expect(events).toMatchObject([
      { credential: "none", operation: "ask", outcome: "unauthorized" },
      { credential: "unknown", operation: "ask", outcome: "unauthorized" },
      { credential: "env", tenant: "acme", operation: "ask", outcome: "wrong_tenant" },
      { credential: "env", tenant: "acme", operation: "ask", outcome: "invalid_json" },
      { operation: "metrics", outcome: "unauthorized" },
      { surface: "openai", credential: "unknown", outcome: "unauthorized" },
    ]);
    expect(events[0]?.tenant).toBeUndefined();
  });

  it("has the error of a stream that failed after it began", async () => {
    current = fixture({ audit });
    const server = await current.listen();
    await send("POST", "/v1/documents", json, { id: "a", text: "rivers rise" });
    current.service.hold = Promise.reject(new FreshetError("log_unavailable"));
    current.service.hold.catch(() => {});
    const body = JSON.stringify({ query: "rivers", stream: true });
    await (await fetch(`${server.url}/answer`, { method: "POST", headers: json, body })).text();
    expect(events).toMatchObject([
      { operation: "publish" },
      { tenant: "demo", credential: "open", operation: "ask", outcome: "log_unavailable" },
    ]);
  });

  it("does not wait for, or fail with, what health checks and scrapers ask", async () => {
    current = fixture({ audit });
    for (const url of ["/healthz", "/readyz", "/metrics", "/openapi.json", "/nowhere"]) {
      await send("GET", url, {});
    }
    expect(events).toEqual([]);
  });
});

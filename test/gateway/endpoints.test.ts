/** The routes of webhooks over injected requests: who may, what is checked, what is told. */

import { afterEach, beforeEach, expect, it } from "vitest";
import type { AuditEvent } from "../../src/contract/audit.ts";
import { createEndpoints } from "../../src/log/endpoint-admin.ts";
import { MemoryEndpoints } from "../../src/log/memory/endpoints.ts";
import { type Fixture, fixture, keyOfAcme, keyOfGlobex } from "./http-fixture.ts";

let current: Fixture;
let audited: AuditEvent[];

beforeEach(() => {
  audited = [];
  let drawn = 0;
  const endpoints = createEndpoints({
    store: new MemoryEndpoints(),
    post: async () => ({ kind: "delivered", status: 200 }),
    refusal: () => undefined,
    lastVersion: async () => 5 as never,
    lastSequence: async () => 5 as never,
    changed: async () => {},
    nowMs: () => 0,
    random: (bytes) => {
      drawn += 1;
      return new Uint8Array(bytes).fill(drawn);
    },
  });
  const audit = { record: (event: AuditEvent) => void audited.push(event) };
  current = fixture({ endpoints, audit, keys: true });
});
afterEach(() => current.close());

interface Sent {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly body?: object;
  readonly key?: string;
}

const send = (url: string, { method = "GET", body, key = keyOfAcme }: Sent = {}) =>
  current.app.inject({
    ...{ method, url, headers: { authorization: `Bearer ${key}` } },
    ...(body === undefined ? {} : { payload: body }),
  });

const add = async (): Promise<string> => {
  const body = { url: "https://example.com/in" };
  const reply = await send("/v1/webhooks", { method: "POST", body });
  expect(reply.statusCode).toBe(201);
  expect(reply.json()).toMatchObject({ secret: expect.stringMatching(/^whsec_/) as string });
  return reply.json<{ webhook: { id: string } }>().webhook.id;
};

it("adds, lists, shows, changes and removes the webhooks of the credential's own tenant", async () => {
  const id = await add();
  expect((await send("/v1/webhooks")).json()).toMatchObject({ webhooks: [{ id, after: 5 }] });
  expect((await send(`/v1/webhooks/${id}`)).json()).toMatchObject({ id, tenant: "acme" });
  const change = (body: object) => send(`/v1/webhooks/${id}`, { method: "POST", body });
  expect((await change({ action: "pause" })).json()).toMatchObject({
    webhook: { status: "paused" },
  });
  expect((await change({ action: "test" })).json()).toMatchObject({ test: { delivered: true } });
  expect((await change({ action: "replay", from_seq: 2 })).json()).toMatchObject({
    webhook: { status: "active", after: 1 },
  });
  expect((await change({ action: "replay" })).statusCode).toBe(400);
  expect((await send(`/v1/webhooks/${id}/failures`)).json()).toEqual({ failures: [] });
  expect((await send(`/v1/webhooks/${id}`, { method: "DELETE" })).statusCode).toBe(204);
  expect((await send(`/v1/webhooks/${id}`)).statusCode).toBe(404);
  expect(audited.map(({ operation }) => operation)).toEqual([
    ...["webhook_add", "list", "list", "webhook_pause", "webhook_test", "webhook_replay"],
    ...["webhook_replay", "list", "webhook_remove", "list"],
  ]);
});

it("shows nothing of another tenant's webhooks", async () => {
  const id = await add();
  const key = keyOfGlobex;
  expect((await send("/v1/webhooks", { key })).json()).toEqual({ webhooks: [] });
  expect((await send(`/v1/webhooks/${id}`, { key })).statusCode).toBe(404);
  expect((await send(`/v1/webhooks/${id}`, { key, method: "DELETE" })).statusCode).toBe(404);
});

it.each([
  [{}, "url"],
  [{ url: "ftp://example.com" }, "https://"],
  [{ url: "https://user:secret@example.com" }, "no user"],
  [{ url: "https://example.com/#a" }, "fragment"],
  [{ url: "https://example.com", events: [] }, "at least one"],
  [{ url: "https://example.com", events: ["document.seen"] }, "events"],
  [{ url: "https://example.com", secret: "mine" }, "not known"],
])("refuses %j, and says what is wrong with it", async (body, words) => {
  const reply = await send("/v1/webhooks", { method: "POST", body });
  expect(reply.statusCode).toBe(400);
  expect(reply.json<{ detail: string }>().detail).toContain(words);
});

/** What operators do with webhooks, over the store in memory; and the store itself. */

import { expect, it } from "vitest";
import {
  type Endpoint,
  type EndpointPost,
  type EndpointReply,
  wantedEndpointSchema,
} from "../../src/contract/endpoint.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { createEndpoints } from "../../src/log/endpoint-admin.ts";
import { MemoryEndpoints } from "../../src/log/memory/endpoints.ts";
import { endpointStoreSuite } from "./conformance-endpoints.ts";

endpointStoreSuite("memory", async () => new MemoryEndpoints());

const acme = "acme" as TenantId;
const wanted = { url: "https://example.com/in", events: ["document.indexed" as const] };

function admin() {
  const store = new MemoryEndpoints();
  const told: string[] = [];
  const posts: EndpointPost[] = [];
  let nowMs = Date.parse("2026-11-29T10:00:00Z");
  let drawn = 0;
  let reply: EndpointReply = { kind: "delivered", status: 202 };
  const endpoints = createEndpoints({
    store,
    post: async (post) => {
      posts.push(post);
      return reply;
    },
    refusal: (url) => (url.includes("10.0.0.1") ? "not that address" : undefined),
    lastVersion: async () => 41 as never,
    lastSequence: async () => 60 as never,
    changed: async (_tenant, id) => {
      told.push(id);
      throw new Error("Temporal is away");
    },
    nowMs: () => nowMs,
    random: (bytes) => {
      drawn += 1;
      return new Uint8Array(bytes).fill(drawn);
    },
  });
  const later = (ms: number): void => {
    nowMs += ms;
  };
  const answers = (next: EndpointReply): void => {
    reply = next;
  };
  return { endpoints, store, told, posts, later, answers };
}

it("adds a webhook that begins with what comes, and shows its secret this once", async () => {
  const { endpoints, told } = admin();
  const { webhook, secret } = await endpoints.add(acme, wanted);
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect(webhook).toMatchObject({ status: "active", after: 41, url: wanted.url });
  expect(told).toEqual([webhook.id]);
  expect(JSON.stringify(await endpoints.list(acme))).not.toContain("whsec_");
  expect(JSON.stringify(await endpoints.show(acme, webhook.id))).not.toContain("whsec_");
});

it.each([
  ["http://127.0.0.1:99999/", "is no address that can be read"],
  ["https://exa mple.com", "is no address that can be read"],
  ["ftp://example.com/", "is an https:// one"],
  ["https://a:b@example.com/", "has no user"],
  ["https://example.com/#a", "has no #fragment"],
])("says what is wrong with the url %s", (url, says) => {
  const found = wantedEndpointSchema.safeParse({ url });
  expect(found.error?.issues[0]?.message).toContain(says);
});

it("refuses an address that may not be reached, and one webhook too many", async () => {
  const { endpoints } = admin();
  const bad = endpoints.add(acme, { ...wanted, url: "https://10.0.0.1/" });
  await expect(bad).rejects.toMatchObject({ code: "invalid_request" });
  for (let count = 0; count < limits.endpointsPerTenantMax; count += 1) {
    await endpoints.add(acme, wanted);
  }
  // Only a removal helps: a client that asks again and again would do so for ever.
  const refused = { code: "limit_reached", status: 409, retryable: false };
  await expect(endpoints.add(acme, wanted)).rejects.toMatchObject(refused);
  const [first] = await endpoints.list(acme);
  await endpoints.remove(acme, first?.id ?? "");
  await endpoints.add(acme, wanted);
});

it("signs with two secrets for a day after a rotation", async () => {
  const { endpoints, posts, later } = admin();
  const { webhook, secret: old } = await endpoints.add(acme, wanted);
  const { secret: young } = await endpoints.change(acme, webhook.id, { action: "rotate" });
  await endpoints.change(acme, webhook.id, { action: "test" });
  later(limits.endpointSecretOverlapMs);
  await endpoints.change(acme, webhook.id, { action: "test" });
  expect(posts.map(({ secrets }) => secrets)).toEqual([[young, old], [young]]);
  expect((await endpoints.show(acme, webhook.id)).secrets).toHaveLength(1);
});

it("a second rotation within the day leaves the first secret its time, up to a bound", async () => {
  const { endpoints, posts, later } = admin();
  const { webhook, secret: first } = await endpoints.add(acme, wanted);
  const rotate = async () =>
    (await endpoints.change(acme, webhook.id, { action: "rotate" })).secret ?? "";
  const second = await rotate();
  later(limits.endpointSecretOverlapMs / 2);
  const third = await rotate();
  await endpoints.change(acme, webhook.id, { action: "test" });
  later(limits.endpointSecretOverlapMs / 2);
  await endpoints.change(acme, webhook.id, { action: "test" });
  expect(posts.map(({ secrets }) => secrets)).toEqual([
    [third, second, first],
    [third, second],
  ]);
  const later4 = [await rotate(), await rotate(), await rotate()].reverse();
  await endpoints.change(acme, webhook.id, { action: "test" });
  expect(posts.at(-1)?.secrets).toEqual([...later4, third]);
  expect(later4).toHaveLength(limits.endpointSecretsMax - 1);
});

it("a webhook that was rotated three times is stored as release 0.1 reads it: with two secrets", async () => {
  const { endpoints, store } = admin();
  const { webhook } = await endpoints.add(acme, wanted);
  for (let count = 0; count < 3; count += 1) {
    await endpoints.change(acme, webhook.id, { action: "rotate" });
  }
  const { value } = (await store.get(acme, webhook.id)) ?? {};
  expect(value?.secrets).toHaveLength(2);
  expect((await endpoints.show(acme, webhook.id)).secrets).toHaveLength(4);
  // What that release makes of it: it keeps what it does not know.
  const newest = { value: "whsec_BBBB", createdAtMs: Date.parse("2026-11-29T10:00:01Z") };
  const ending = { ...value?.secrets[0], endsAtMs: Date.parse("2026-11-30T10:00:00Z") };
  const there = { ...value, secrets: [newest, ending] } as Endpoint;
  expect(await store.put(there, (await store.get(acme, webhook.id))?.revision ?? 0)).toBe(true);
  expect((await endpoints.show(acme, webhook.id)).secrets).toHaveLength(4);
});

it("tests without changing anything, and says what came back", async () => {
  const { endpoints, posts, answers } = admin();
  const { webhook } = await endpoints.add(acme, wanted);
  const tried = await endpoints.change(acme, webhook.id, { action: "test" });
  expect(tried.test).toEqual({ delivered: true, status: 202, ms: 0 });
  expect(JSON.parse(posts[0]?.body ?? "")).toMatchObject({
    type: "webhook.test",
    data: { tenant: acme, webhook: webhook.id },
  });
  answers({ kind: "failed", reason: "timeout" });
  const failed = await endpoints.change(acme, webhook.id, { action: "test" });
  expect(failed.test).toEqual({ delivered: false, reason: "timeout", ms: 0 });
  expect(failed.webhook).toEqual(webhook);
});

it("replays after a seq, also one that was paused, and resumes without the old trouble", async () => {
  const { endpoints, store } = admin();
  const { webhook } = await endpoints.add(acme, wanted);
  const { id } = webhook;
  const stored = await store.state({ tenant: acme, id });
  const trouble = { seq: 50, attempts: 9, sinceMs: 1, nextAtMs: 9, reason: "status 500" };
  await store.putState(
    { tenant: acme, id },
    { after: 49, delivered: 3, failed: 9, trouble },
    stored?.revision ?? 0,
  );
  const paused = await endpoints.change(acme, id, { action: "pause" });
  expect(paused.webhook).toMatchObject({ status: "paused", trouble: { attempts: 9 } });
  const resumed = await endpoints.change(acme, id, { action: "resume" });
  expect(resumed.webhook).toMatchObject({ status: "active", after: 49 });
  expect(resumed.webhook.trouble).toBeUndefined();
  const replayed = await endpoints.change(acme, id, { action: "replay", fromSeq: 7 });
  expect(replayed.webhook).toMatchObject({ status: "active", after: 6, delivered: 3 });
  const without = endpoints.change(acme, id, { action: "replay" });
  await expect(without).rejects.toMatchObject({ code: "invalid_request" });
});

it("begins with the event that from_seq names, as the event stream does, and never beyond the log", async () => {
  const { endpoints } = admin();
  const from = async (fromSeq: number) => {
    const { webhook } = await endpoints.add(acme, { ...wanted, from_seq: fromSeq });
    await endpoints.remove(acme, webhook.id);
    return webhook.after;
  };
  expect([await from(0), await from(1), await from(42), await from(61)]).toEqual([0, 0, 41, 60]);
  await expect(from(62)).rejects.toMatchObject({ code: "invalid_request" });
  const { webhook } = await endpoints.add(acme, wanted);
  const beyond = endpoints.change(acme, webhook.id, {
    action: "replay",
    fromSeq: Number.MAX_SAFE_INTEGER,
  });
  await expect(beyond).rejects.toMatchObject({ code: "invalid_request" });
  expect(await endpoints.show(acme, webhook.id)).toMatchObject({ after: 41 });
});

it("knows no webhook of another tenant, and none that was removed", async () => {
  const { endpoints } = admin();
  const { webhook } = await endpoints.add(acme, wanted);
  const other = "globex" as TenantId;
  await expect(endpoints.show(other, webhook.id)).rejects.toMatchObject({ code: "not_found" });
  await expect(endpoints.remove(other, webhook.id)).rejects.toMatchObject({ code: "not_found" });
  await endpoints.remove(acme, webhook.id);
  await expect(endpoints.failures(acme, webhook.id)).rejects.toMatchObject({ code: "not_found" });
  expect(await endpoints.list(acme)).toEqual([]);
});

/**
 * DOCS compares no message ids, however it was created: one tenant's id must swallow no other's
 * document.
 */

import { type JetStreamClient, nanos } from "nats";
import { afterAll, beforeAll, expect, it } from "vitest";
import { tenantId, type Version } from "../../src/contract/ids.ts";
import type { NatsLog } from "../../src/log/nats/log.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";
import { connectTo } from "./nats-harness.ts";

const [acme, globex] = [tenantId("acme"), tenantId("globex")];
const zero = 0 as Version;
const bytes = (text: string) => new TextEncoder().encode(text);

let server: PrivateNats;
let log: NatsLog;
let js: JetStreamClient;
beforeAll(async () => {
  server = await startPrivateNats();
  log = await connectTo(server);
  js = log.connection.jetstream();
});
afterAll(async () => {
  await log?.close();
  await server?.stop();
});

const textsOf = async (tenant: typeof acme) => {
  const operations = await log.docs.readTenant({ tenant, after: zero, max: 100 });
  return operations.map(({ payload }) => new TextDecoder().decode(payload));
};

const window = async () => {
  const { config } = await (await log.connection.jetstreamManager()).streams.info("DOCS");
  return config.duplicate_window ?? 0;
};

it("field case 48: a plain publisher's id that another tenant used is stored and acked", async () => {
  const msgID = "order-1001";
  const mine = await js.publish("docs.acme", bytes("forty loaves"), { msgID });
  const theirs = await js.publish("docs.globex", bytes("four tyres"), { msgID });
  expect([mine.duplicate, theirs.duplicate]).toEqual([false, false]);
  expect(theirs.seq).toBeGreaterThan(mine.seq);
  expect(await textsOf(acme)).toEqual(["forty loaves"]);
  expect(await textsOf(globex)).toEqual(["four tyres"]);
});

it("a log that was created with a window loses it when it is opened, and no operation", async () => {
  const manager = await log.connection.jetstreamManager();
  await manager.streams.update("DOCS", { sources: [], duplicate_window: nanos(120_000) });
  expect(await window()).toBeGreaterThan(0);
  const later = await connectTo(server);
  expect(await window()).toBe(0);
  await later.close();
  const msgID = "after the migration";
  await js.publish("docs.acme", bytes("one"), { msgID });
  await js.publish("docs.globex", bytes("two"), { msgID });
  expect((await textsOf(globex)).at(-1)).toBe("two");
  expect((await textsOf(acme))[0]).toBe("forty loaves");
});

it("an id forged while DOCS had a window neither silences nor misleads a publish (I1, I9)", async () => {
  const manager = await log.connection.jetstreamManager();
  await manager.streams.update("DOCS", { sources: [], duplicate_window: nanos(120_000) });
  const messageId = "the key of globex";
  const forged = await js.publish("docs.acme", bytes("forged"), { msgID: messageId });
  const { seq } = await log.docs.publish({ tenant: globex, payload: bytes("mine"), messageId });
  expect(seq).toBeGreaterThan(forged.seq);
  const [operation] = await log.docs.readTenant({
    ...{ tenant: globex, max: 1 },
    after: (seq - 1) as Version,
  });
  expect(operation).toMatchObject({ version: seq, messageId });
  await log.checkIdentity();
  expect(await window()).toBe(0);
});

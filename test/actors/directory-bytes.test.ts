import { expect, it } from "vitest";
import { keptOf, nodeBytes, TenantBytes } from "../../actors/directory/bytes.ts";
import { operationsBehind } from "../../actors/directory/directory.ts";
import type { TenantId, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { StoredOperation } from "../../src/log/port.ts";
import { FairShares } from "../../src/runtime/fair-shares.ts";
import { acme, globex, quiet, until } from "./kit.ts";
import { committed, operations, publish, startTenant } from "./writer-kit.ts";

const small = { total: 40_000, perKeyMax: 10_000 };
const pools = () => ({
  mailboxes: new FairShares(small),
  pages: new FairShares(small),
  inHand: new FairShares(small),
});
const heldIn = (node: ReturnType<typeof pools>): number[] =>
  [node.mailboxes, node.pages, node.inHand].map(({ held }) => held);

const padded = (id: string, bytes: number): string =>
  `{"id":"${id}","text":"text of ${id}"${" ".repeat(bytes)}}`;

function stored(tenant: TenantId, version: number, bytes: number): StoredOperation {
  const payload = new TextEncoder().encode(padded(`d${version}`, bytes));
  return { tenant, version: version as Version, atMs: 0, payload };
}

it("T4: a tenant whose operations exceed its bytes leaves the shared reader, catches up, and loses nothing", async () => {
  const node = pools();
  const tenant = await startTenant({ bytes: node });
  let highest = 0;
  let last = 0;
  for (let index = 0; index < 60; index += 1) {
    const operation = publish(tenant.log, padded(`d${index}`, 2_000));
    last = operation.version;
    tenant.offer(operation);
    highest = Math.max(highest, node.mailboxes.held);
  }
  // 60 operations are 120 kB and few in number: a bound that counts messages would have kept them
  // all.
  expect(tenant.route.isBehind).toBe(true);
  expect(highest).toBeLessThanOrEqual(small.perKeyMax);
  await committed(tenant.log, last);
  expect(await operations(tenant.log)).toHaveLength(60);
  await until(() => heldIn(node).every((bytes) => bytes === 0));
  expect(operationsBehind(tenant)).toBe(0);
});

it("an operation is behind from when it is heard of to its record, wherever it waits", async () => {
  const many = 20;
  const handed = await startTenant({ embeds: false });
  for (let n = 0; n < many; n += 1) handed.offer(publish(handed.log, padded(`d${n}`, 1)));
  await until(() => handed.asked.length > 0);
  expect(operationsBehind(handed)).toBe(many);
  await handed.actor.stop();
  const reading = await startTenant({ log: handed.log, epoch: 2, embeds: false });
  await until(() => reading.asked.length > 0);
  expect(operationsBehind(reading)).toBe(many);
  await reading.actor.stop();
});

it("what is in hand is counted at what it becomes, and given back when the record is applied", async () => {
  const node = pools();
  const tenant = await startTenant({ bytes: node, embeds: false });
  for (let index = 0; index < 60; index += 1) {
    tenant.offer(publish(tenant.log, padded(`d${index}`, 200)));
  }
  await until(() => tenant.asked.length > 0);
  expect(node.inHand.held).toBeLessThanOrEqual(small.perKeyMax);
  // Each is taken for 16 times its payload: two or three at once, not the 64 that the queue would
  // hold.
  expect(tenant.asked.length).toBeLessThan(5);
  await tenant.actor.stop();
  expect(node.inHand.held).toBe(0);
});

it("I9: a flood of one tenant leaves room at the shared reader for another, and for many more", () => {
  const node = nodeBytes();
  const bytesOf = (tenant: TenantId) => new TenantBytes(tenant, node, limits.documentTextBytesMax);
  const floods = Array.from({ length: 10 }, (_, index) => bytesOf(`flood-${index}` as TenantId));
  for (const flood of floods) {
    for (let version = 1; flood.tryAdmit(stored(acme, version, 1_000_000)); version += 1);
  }
  expect(node.mailboxes.held).toBeLessThan(limits.intakeBytesMax);
  expect(bytesOf(globex).tryAdmit(stored(globex, 1, 1_000_000))).toBeDefined();
});

it("I9: ten tenants that hold all the pages they may leave an eleventh one, also right after a restart", async () => {
  const node = nodeBytes();
  const bytesOf = (tenant: string) =>
    new TenantBytes(tenant as TenantId, node, limits.documentTextBytesMax);
  for (let index = 0; index < 10; index += 1) {
    const flood = bytesOf(`flood-${index}`);
    const full = new AbortController();
    const pages = Array.from({ length: 3 }, () => flood.page(full.signal));
    expect(await pages[0]).toBeDefined();
    full.abort();
    await Promise.all(pages);
  }
  const own = await Promise.race([bytesOf("quiet").page(new AbortController().signal), quiet(5)]);
  expect(own).toBeDefined();
});

it("TB2: a payload that no document can have is not kept; its record says why it was refused, in its place", async () => {
  const node = nodeBytes();
  const tenant = await startTenant({ bytes: node });
  const before = publish(tenant.log, padded("before", 0));
  const large = publish(tenant.log, padded("large", limits.httpDocumentBytesMax));
  const after = publish(tenant.log, padded("after", 0));
  for (const operation of [before, large, after]) tenant.offer(operation);
  expect(node.mailboxes.held).toBeLessThan(10_000);
  await committed(tenant.log, after.version);
  expect(await operations(tenant.log)).toEqual([
    `upsert ${before.version}`,
    `reject ${large.version}`,
    `upsert ${after.version}`,
  ]);
  await until(() => node.mailboxes.held === 0);
  expect(await tenant.log.deadLetters.list(acme, 9)).toMatchObject([
    { version: large.version, reason: "document_too_large" },
  ]);
});

it("TB2: a small payload does not keep the large buffer that it came in", () => {
  const buffer = new Uint8Array(64_000);
  const operation = { ...stored(acme, 1, 0), payload: buffer.subarray(10, 20) };
  expect(keptOf(operation).payload.buffer.byteLength).toBe(10);
  const whole = { ...operation, payload: buffer };
  expect(keptOf(whole).payload).toBe(buffer);
});

it("TB3: a tenant that ends gives everything back, also what lies in its mailbox", async () => {
  const node = pools();
  const bytes = new TenantBytes(acme, node, 1_000);
  expect(bytes.tryAdmit(stored(acme, 1, 100))).toBeDefined();
  const page = await bytes.page(new AbortController().signal);
  expect(page).toBeDefined();
  expect(heldIn(node)).not.toEqual([0, 0, 0]);
  bytes.close();
  expect(heldIn(node)).toEqual([0, 0, 0]);
  expect(bytes.tryAdmit(stored(acme, 2, 100))).toBeUndefined();
});

it("S1: a life that ends while its mailbox is full of bytes starts anew and catches up", async () => {
  const node = pools();
  const tenant = await startTenant({ bytes: node, embeds: false });
  // The first one is on its way, so that the life follows the reader (TI1) and what comes next
  // waits in the mailbox.
  tenant.offer(publish(tenant.log, padded("d0", 400)));
  await until(() => tenant.asked.length > 0);
  let last = 0;
  for (let index = 1; index < 20; index += 1) {
    const operation = publish(tenant.log, padded(`d${index}`, 400));
    last = operation.version;
    tenant.offer(operation);
  }
  expect(node.mailboxes.held).toBeGreaterThan(0);
  tenant.asked[0]?.reply.reject(new Error("a fault of ours"));
  const answered = new Set<unknown>();
  for (let turn = 0; turn < 3_000; turn += 1) {
    for (const request of tenant.asked) {
      if (answered.has(request)) continue;
      answered.add(request);
      request.reply.resolve(request.inputs.map(() => new Float32Array(8)));
    }
    await tenant.clock.advance(10);
    if ((await tenant.log.chunks.last(acme))?.version === last) break;
  }
  await committed(tenant.log, last);
  expect(await operations(tenant.log)).toHaveLength(20);
  await until(() => heldIn(node).every((held) => held === 0));
});

/** NL6: any client that may write to the log can store anything in the place of a lease. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Partition } from "../../src/contract/ids.ts";
import type { Lease } from "../../src/log/lease-port.ts";
import type { NatsLog } from "../../src/log/nats/log.ts";
import { type PrivateNats, startPrivateNats } from "../support/private-nats.ts";
import { connectTo } from "./nats-harness.ts";

let server: PrivateNats;
let log: NatsLog;
let other: NatsLog;
/** One that no other test uses. */
let partition = -1 as Partition;

beforeAll(async () => {
  server = await startPrivateNats();
  // An eighth of it is how often entries are looked at again.
  log = await connectTo(server, { leaseMs: 4_000 });
  other = await connectTo(server, { leaseMs: 4_000 });
});
afterAll(async () => {
  await Promise.all([log?.close(), other?.close()]);
  await server?.stop();
});
beforeEach(() => {
  partition = (partition + 1) as Partition;
});

async function put(token: number | string, body: string | Uint8Array): Promise<number> {
  const ack = await log.connection.jetstream().publish(`$KV.freshet_leases.${token}`, body);
  return ack.seq;
}

async function taken(by: NatsLog, node: string): Promise<Lease> {
  const lease = await by.leases.acquire(partition, node);
  if (lease === null) throw new Error("the lease is held");
  return lease;
}

async function heldAs(by: NatsLog): Promise<readonly Partition[]> {
  return (await by.leases.snapshot()).held;
}

describe("a message in a lease's place that is no lease", () => {
  it.each([
    ["no JSON", "hello"],
    ["no text", Uint8Array.of(0xff, 0xfe)],
    ["nothing", ""],
    ["other JSON", '{"node":7}'],
  ])("that is %s means that the lease is free, and is named", async (_what, body) => {
    const seq = await put(partition, body);
    expect(await log.leases.holder(partition)).toBeNull();
    expect(await log.leases.epochOf(partition)).toBeNull();
    await expect.poll(() => heldAs(other)).not.toContain(partition);
    expect(log.quarantined()).toContainEqual(
      expect.objectContaining({ stream: "KV_freshet_leases", seq, why: "foreign" }),
    );
  });

  it("gives way to a lease of a higher epoch, which one of two nodes gets", async () => {
    const seq = await put(partition, "hello");
    const leases = await Promise.all([
      log.leases.acquire(partition, "one"),
      other.leases.acquire(partition, "two"),
    ]);
    const [won, ...others] = leases.filter((lease) => lease !== null);
    expect(others).toEqual([]);
    expect(won?.epoch).toBeGreaterThan(seq);
    expect(await log.leases.holder(partition)).toBe(leases[0] === null ? "two" : "one");
  });

  it("ends the lease that was there: it is not renewed, and its release removes nothing", async () => {
    const lease = await taken(log, "one");
    const seq = await put(partition, "hello");
    expect(await log.leases.renew(lease, "one")).toBeNull();
    await log.leases.release(lease, "one");
    expect((await taken(other, "two")).epoch).toBeGreaterThan(seq);
  });

  it("is seen after a lease that was taken in its place", async () => {
    await put(partition, "hello");
    await expect.poll(() => heldAs(log)).not.toContain(partition);
    await taken(other, "two");
    expect(await heldAs(other)).toContain(partition);
    await expect.poll(() => heldAs(log)).toContain(partition);
  });
});

it("a subject beside the leases that names no partition is held by no node", async () => {
  await taken(log, "one");
  await put("1.5", '{"node":"stranger"}');
  await put("x", '{"node":"stranger"}');
  await put("-3", '{"node":"stranger"}');
  const { held } = await other.leases.snapshot();
  expect(held).toContain(partition);
  for (const each of held) expect(Number.isSafeInteger(each) && each >= 0).toBe(true);
});

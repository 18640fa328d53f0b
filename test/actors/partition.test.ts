import { describe, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import type { Epoch, TenantId } from "../../src/contract/ids.ts";
import type { MemoryLog } from "../../src/log/memory/log.ts";
import { over } from "../simulation/ports.ts";
import { acme, globex, quiet, until } from "./kit.ts";
import {
  bound,
  leaseMs,
  partition,
  renewEveryMs,
  respawnMs,
  setUp,
  versions,
} from "./partition-kit.ts";

it("P1: serves under its lease, counted from this node's clock, and renews it in time", async () => {
  const { entry, start, clock: time, publish, living } = setUp();
  await publish(acme);
  start();
  await until(() => entry.state === "serving");
  expect(entry.validUntilMs).toBe(leaseMs);
  expect(living().map(({ tenant }) => tenant)).toEqual([acme]);
  await time.advance(5 * leaseMs);
  expect(entry.state).toBe("serving");
  expect(entry.validUntilMs).toBeGreaterThan(time.monotonicMs());
  expect(living()).toHaveLength(1);
});

it("P1: waits while another node holds the lease, and takes over with a higher epoch", async () => {
  const { entry, start, clock: time, log, publish, spawned } = setUp();
  await publish(acme);
  const other = await log.leases.acquire(partition, "other");
  start();
  await quiet();
  await time.advance(leaseMs - 1);
  expect(entry.state).toBe("joining");
  expect(spawned).toEqual([]);
  await time.advance(renewEveryMs);
  await until(() => entry.state === "serving");
  expect(spawned[0]?.epoch).toBeGreaterThan(other?.epoch ?? 0);
});

it("P1, P3: a log that is away ends the tenure with its lease; a new epoch serves when it is back", async () => {
  const { entry, start, clock: time, log, publish, spawned, living } = setUp();
  await publish(acme);
  start();
  await until(() => entry.state === "serving");
  log.hooks.setAvailable(false);
  await time.advance(leaseMs + renewEveryMs);
  await until(() => entry.state === "joining");
  expect(entry.validUntilMs).toBe(0);
  expect(living()).toEqual([]);
  expect(entry.tenants.size).toBe(0);
  log.hooks.setAvailable(true);
  await time.advance(leaseMs);
  await until(() => entry.state === "serving");
  const [first, second] = spawned.map(({ epoch }) => epoch);
  expect(second).toBeGreaterThan(first ?? 0);
});

it("P3: a lost lease ends every tenant before the next tenure begins", async () => {
  const gate = Promise.withResolvers<void>();
  const {
    entry,
    start,
    clock: time,
    log,
    publish,
    spawned,
  } = setUp({
    stopping: () => gate.promise,
  });
  await publish(acme);
  start();
  await until(() => entry.state === "serving");
  const epoch = spawned[0]?.epoch as Epoch;
  await log.leases.release({ partition, epoch, validUntilMs: 0 }, "me~1");
  await time.advance(renewEveryMs);
  await time.advance(leaseMs);
  expect(entry.state).toBe("joining");
  expect(spawned).toHaveLength(1);
  gate.resolve();
  await time.advance(renewEveryMs);
  await until(() => entry.state === "serving");
  expect(spawned.map(({ stopped }) => stopped)).toEqual([true, false]);
});

it("I6: stands down when a tenant was fenced by a newer epoch, not when by an older one", async () => {
  const { entry, start, publish, spawned } = setUp();
  await publish(acme);
  const { actor } = start();
  await until(() => entry.state === "serving");
  const epoch = spawned[0]?.epoch ?? 0;
  actor.mailbox.tryPut({ type: "fenced", epoch: epoch as Epoch });
  await quiet();
  expect(spawned[0]?.stopped).toBe(false);
  actor.mailbox.tryPut({ type: "fenced", epoch: (epoch + 1) as Epoch });
  await until(() => spawned[0]?.stopped === true);
});

it("I6: a renewal that is answered after the tenure ended makes nothing valid again", async () => {
  const renewal = Promise.withResolvers<void>();
  const ending = Promise.withResolvers<void>();
  const tenants = setUp({
    stopping: () => ending.promise,
    wrap: (log) => ({
      ...log,
      leases: {
        ...bound(log.leases),
        renew: async (...args) => {
          await renewal.promise;
          return log.leases.renew(...args);
        },
      },
    }),
  });
  const { entry, start, publish, spawned, clock: time } = tenants;
  await publish(acme);
  const { actor } = start();
  await until(() => entry.state === "serving");
  await time.advance(renewEveryMs);
  actor.mailbox.tryPut({ type: "fenced", epoch: ((spawned[0]?.epoch ?? 0) + 1) as Epoch });
  await until(() => entry.validUntilMs === 0);
  renewal.resolve();
  await quiet();
  expect(entry.validUntilMs).toBe(0);
  ending.resolve();
});

it("P2: an operation that comes between the log's end and the tenants' recovery is read", async () => {
  const late: number[] = [];
  const { entry, start, living } = setUp({
    wrap: (log) => ({
      ...log,
      docs: {
        publish: (message) => log.docs.publish(message),
        open: (operation) => log.docs.open(operation),
        read: (options) => log.docs.read(options),
        readTenant: (options) => log.docs.readTenant(options),
        messageIds: (options) => log.docs.messageIds(options),
        lastVersion: (tenant) => log.docs.lastVersion(tenant),
        nextVersion: (above) => log.docs.nextVersion(above),
        tenants: (of) => log.docs.tenants(of),
        newest: (of) => log.docs.newest(of),
        firstSince: (atMs) => log.docs.firstSince(atMs),
        purge: (below) => log.docs.purge(below),
        async lastSequence() {
          const last = await log.docs.lastSequence();
          const payload = new Uint8Array();
          for (const tenant of [acme, globex]) {
            late.push((await log.docs.publish({ tenant, payload })).seq);
          }
          return last;
        },
      },
    }),
  });
  start();
  await until(() => entry.state === "serving");
  await until(() => living().every(({ mailbox }) => mailbox.depth === 1));
  const read = await Promise.all(living().map(versions));
  expect(read.flat().sort()).toEqual(late);
});

it("routes by tenant in log order, and spawns a tenant with its first operation", async () => {
  const { entry, start, publish, living } = setUp();
  start();
  await until(() => entry.state === "serving");
  const sent: Record<string, number[]> = { [acme]: [], [globex]: [] };
  for (const tenant of [acme, globex, acme, acme, globex]) {
    sent[tenant]?.push((await publish(tenant)).seq);
  }
  await until(() => living().reduce((sum, { mailbox }) => sum + mailbox.depth, 0) === 5);
  for (const fake of living()) expect(await versions(fake)).toEqual(sent[fake.tenant]);
});

it("T4: a full queue takes its tenant off the reader; others are served on (I9)", async () => {
  const { entry, start, publish, living } = setUp({ queueMax: 2 });
  start();
  await until(() => entry.state === "serving");
  let last = 0;
  for (let count = 0; count < 5; count += 1) last = (await publish(acme)).seq;
  await publish(globex);
  await until(() => living().some(({ tenant, mailbox }) => tenant === globex && mailbox.depth > 0));
  const behind = living().find(({ tenant }) => tenant === acme)?.entry.route;
  expect(behind).toMatchObject({ isBehind: true, skippedTo: last });
});

it("a tenant that failed for good is spawned again after a pause, once, whichever of its actors failed", async () => {
  const { entry, start, publish, spawned, living, clock: time } = setUp();
  await publish(acme);
  const { actor, restarts } = start();
  await until(() => entry.state === "serving");
  actor.mailbox.tryPut({ type: "tenant-failed", tenant: acme });
  actor.mailbox.tryPut({ type: "tenant-failed", tenant: acme });
  await quiet();
  expect(spawned).toHaveLength(1);
  await time.advance(respawnMs);
  expect(spawned.map(({ stopped }) => stopped)).toEqual([true, false]);
  expect(entry.tenants.get(acme)).toBe(living()[0]?.entry);
  expect(restarts).toEqual([]);
});

it("P3: a tenant that is being replaced while the tenure ends is not spawned again", async () => {
  const gate = Promise.withResolvers<void>();
  const { entry, start, publish, spawned, clock: time } = setUp({ stopping: () => gate.promise });
  await publish(acme);
  const { actor } = start();
  await until(() => entry.state === "serving");
  actor.mailbox.tryPut({ type: "tenant-failed", tenant: acme });
  await time.advance(respawnMs);
  const stopped = actor.stop();
  await quiet();
  gate.resolve();
  await stopped;
  expect(spawned).toHaveLength(1);
  expect(spawned[0]?.stopped).toBe(true);
  expect(entry.tenants.size).toBe(0);
});

const invalid = "no tenant!" as TenantId;
const letters = async (log: MemoryLog) =>
  (await log.deadLetters.list(invalid, 100)).map(({ version, reason }) => [version, reason]);

it("I2: an operation under an invalid token ends as a dead letter, also when it came before the reader", async () => {
  const { entry, start, log, publish, living } = setUp();
  const before = log.hooks.publishRaw(invalid, new Uint8Array());
  start();
  await until(() => entry.state === "serving");
  const after = log.hooks.publishRaw(invalid, new Uint8Array());
  await publish(acme);
  await until(() => living().some(({ mailbox }) => mailbox.depth > 0));
  await quiet();
  expect(await letters(log)).toEqual([
    [before.version, "invalid_tenant"],
    [after.version, "invalid_tenant"],
  ]);
});

it("I2: what came under an invalid token before this node read is found in DOCS", async () => {
  const { entry, start, log } = setUp();
  const sent = Array.from({ length: 25 }, () => log.hooks.publishRaw(invalid, new Uint8Array()));
  start();
  await until(() => entry.state === "serving");
  await quiet();
  expect(await letters(log)).toEqual(sent.map(({ version }) => [version, "invalid_tenant"]));
});

it("I9: dead letters that cannot be written delay no tenant, and are written later", async () => {
  let full = true;
  const {
    entry,
    start,
    log,
    publish,
    living,
    spawned,
    clock: time,
  } = setUp({
    wrap: (real) => ({
      ...real,
      deadLetters: over(real.deadLetters, {
        publish: async (letter) => {
          if (full) throw new FreshetError("log_unavailable");
          await real.deadLetters.publish(letter);
        },
      }),
    }),
  });
  start();
  await until(() => entry.state === "serving");
  const refused = log.hooks.publishRaw(invalid, new Uint8Array());
  await publish(acme);
  await until(() => living().some(({ mailbox }) => mailbox.depth > 0));
  expect(entry.state).toBe("serving");
  full = false;
  await time.advance(respawnMs);
  await until(() => spawned.length === 1);
  expect(await letters(log)).toEqual([[refused.version, "invalid_tenant"]]);
});

describe("the catalogue of tenants", () => {
  const publishTo = (log: MemoryLog, tenant: string) =>
    log.hooks.publishRaw(tenant, new Uint8Array()).version;
  const reasons = async (log: MemoryLog, tenant: string) => {
    const found = await log.deadLetters.list(tenant, 99);
    return found.map(({ version, reason }) => [version, reason]);
  };

  it("P5: with keys, a tenant that none of them names ends in the dead letters and makes no actor, whenever it came", async () => {
    const { log, start, spawned } = setUp({ tenants: { named: new Set([acme]), max: 1 } });
    const before = publishTo(log, "stranger");
    publishTo(log, acme);
    start();
    await quiet();
    const later = publishTo(log, "stranger");
    const another = publishTo(log, "another");
    await quiet();
    expect(spawned.map(({ tenant }) => tenant)).toEqual([acme]);
    const reason = "unknown_tenant";
    expect(await reasons(log, "stranger")).toEqual([
      [before, reason],
      [later, reason],
    ]);
    expect(await reasons(log, "another")).toEqual([[another, reason]]);
    expect(await reasons(log, acme)).toEqual([]);
    expect(await log.chunks.tenants(partition)).toEqual([]);
  });

  it("P5: with keys, a tenant that has records is served all the same; a foreign message is none", async () => {
    const { log, start, spawned } = setUp({ tenants: { named: new Set(), max: 1 } });
    const fence = { kind: "fence", tenant: globex, version: 0, epoch: 1 } as const;
    await log.chunks.append(fence as never, 0 as never);
    log.hooks.putForeignRecord(acme, {}, new Uint8Array());
    start();
    await quiet();
    expect(spawned.map(({ tenant }) => tenant)).toEqual([globex]);
  });

  it("P5: without keys, so many tenants come in and no more; those who are in stay", async () => {
    const { log, start, spawned } = setUp({ tenants: { max: 2 } });
    publishTo(log, acme);
    start();
    await quiet();
    publishTo(log, globex);
    const refused = publishTo(log, "stranger");
    publishTo(log, acme);
    await quiet();
    expect(spawned.map(({ tenant }) => tenant)).toEqual([acme, globex]);
    expect(await reasons(log, "stranger")).toEqual([[refused, "unknown_tenant"]]);
    expect(await reasons(log, acme)).toEqual([]);
  });
});

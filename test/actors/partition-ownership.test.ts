import { expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { acme, quiet, until } from "./kit.ts";
import {
  bound,
  greater,
  lesser,
  lookEveryMs,
  me,
  partition,
  renewEveryMs,
  settleMs,
  setUp,
  takeAnywayMs,
} from "./partition-kit.ts";

it("gives the lease back when it is stopped, so that another node takes over at once", async () => {
  const { entry, start, log, clock: time } = setUp();
  const { actor, membership } = start();
  await until(() => entry.state === "serving");
  expect(await log.leases.holder(partition)).toBe("me~1");
  expect((await log.leases.snapshot()).nodes).toEqual([me]);
  await membership.stop();
  await actor.stop();
  expect(await log.leases.snapshot()).toEqual({ nodes: [], held: [] });
  expect(time.sleeping).toBe(0);
});

it("I6: hands over to a node that it belongs to, once that was seen steadily: tenants end, the lease is free", async () => {
  const { entry, start, log, publish, living, clock: time } = setUp();
  await publish(acme);
  start();
  await until(() => entry.state === "serving");
  await log.leases.announce(greater);
  await time.advance(settleMs - lookEveryMs);
  expect(entry.state).toBe("serving");
  await time.advance(2 * lookEveryMs);
  await until(() => entry.state === "waiting");
  expect(entry.validUntilMs).toBe(0);
  expect(living()).toEqual([]);
  expect(await log.leases.holder(partition)).toBeNull();
  // It is the other's now, also while that one is slow to take it.
  await log.leases.announce(greater);
  await time.advance(2 * renewEveryMs);
  expect(await log.leases.holder(partition)).toBeNull();
});

it("keeps its partition when a node joins that it does not belong to", async () => {
  const { entry, start, log, clock: time } = setUp();
  start();
  await until(() => entry.state === "serving");
  for (let count = 0; count < 5; count += 1) {
    await log.leases.announce(lesser);
    await time.advance(renewEveryMs);
  }
  expect(entry.state).toBe("serving");
});

it("awaits its own partition while another node holds it, and takes it as soon as it is given back", async () => {
  const { entry, start, log, clock: time } = setUp();
  await log.leases.announce(lesser);
  const lease = await log.leases.acquire(partition, "other~1");
  if (lease === null) return expect.fail("the partition was free");
  start();
  await quiet();
  expect(entry.state).toBe("joining");
  await log.leases.release(lease, "other~1");
  await time.advance(lookEveryMs);
  await until(() => entry.state === "serving");
});

it("takes a partition that its own node lets lie, after two lease times, and keeps it", async () => {
  const { entry, start, log, clock: time } = setUp();
  await log.leases.announce(greater);
  start();
  await quiet();
  expect(entry.state).toBe("waiting");
  for (let past = 0; past < takeAnywayMs; past += renewEveryMs) {
    expect(await log.leases.holder(partition)).toBeNull();
    await log.leases.announce(greater);
    await time.advance(renewEveryMs);
  }
  await time.advance(lookEveryMs);
  await until(() => entry.state === "serving");
  for (let count = 0; count < 10; count += 1) {
    await log.leases.announce(greater);
    await time.advance(renewEveryMs);
  }
  expect(entry.state).toBe("serving");
});

it("a log that is away for a minute is told once, and its return, not at each look", async () => {
  let away = false;
  const told: string[] = [];
  const tell = (_: unknown, message: string) => void told.push(message);
  const { start, clock: time } = setUp({
    logger: { ...silentLogger, warn: tell, info: tell },
    wrap: (log) => ({
      ...log,
      leases: {
        ...bound(log.leases),
        snapshot: () =>
          away ? Promise.reject(new FreshetError("log_unavailable")) : log.leases.snapshot(),
      },
    }),
  });
  start();
  const look = async (times: number) => {
    for (let looks = 0; looks < times; looks += 1) {
      await quiet();
      await time.advance(lookEveryMs);
    }
  };
  await look(2);
  away = true;
  await look(12);
  away = false;
  await look(2);
  await until(() => told.includes("the other nodes are seen again"));
  expect(told.filter((line) => line.startsWith("the other nodes"))).toEqual([
    "the other nodes cannot be seen",
    "the other nodes are seen again",
  ]);
});

it("a full log is told once and not twice a second, shown meanwhile, and over by itself", async () => {
  let full = true;
  let announced = 0;
  const told: string[] = [];
  const isThere = () => (full ? Promise.reject(new FreshetError("overloaded")) : undefined);
  const {
    entry,
    start,
    clock: time,
  } = setUp({
    logger: { ...silentLogger, warn: (_, message) => void told.push(message) },
    wrap: (log) => ({
      ...log,
      leases: {
        ...bound(log.leases),
        acquire: async (...args) => (await isThere()) ?? log.leases.acquire(...args),
        // It had room when the node began.
        announce: async (...args) => {
          announced += 1;
          if (announced > 1) await isThere();
          return log.leases.announce(...args);
        },
      },
    }),
  });
  start();
  for (let looks = 0; looks < 12; looks += 1) {
    await quiet();
    await time.advance(lookEveryMs);
  }
  expect(announced).toBeGreaterThan(2);
  expect(told).toEqual(["the lease cannot be asked for", "this node cannot be announced"]);
  expect(entry).toMatchObject({ state: "joining", leaseFailure: "overloaded" });
  full = false;
  await quiet();
  await time.advance(lookEveryMs);
  await until(() => entry.state === "serving");
  expect(entry.leaseFailure).toBeUndefined();
});

it("asks again at once for a lease whose answer was lost: it may be its own", async () => {
  let lost = false;
  const {
    entry,
    start,
    clock: time,
  } = setUp({
    wrap: (log) => ({
      ...log,
      leases: {
        ...bound(log.leases),
        acquire: async (...args) => {
          const lease = await log.leases.acquire(...args);
          if (lost) return lease;
          lost = true;
          throw new FreshetError("log_unavailable");
        },
      },
    }),
  });
  start();
  await quiet();
  expect(entry.state).not.toBe("serving");
  await time.advance(lookEveryMs);
  await until(() => entry.state === "serving");
});

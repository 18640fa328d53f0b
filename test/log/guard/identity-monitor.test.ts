import { afterEach, describe, expect, it } from "vitest";
import { FreshetError } from "../../../src/contract/errors.ts";
import { type Partition, tenantId, type Version } from "../../../src/contract/ids.ts";
import { type Metrics, silentLogger, silentMetrics } from "../../../src/contract/observation.ts";
import { guardedLog } from "../../../src/log/guard/guarded-log.ts";
import { LogIdentityMonitor } from "../../../src/log/guard/identity-monitor.ts";
import { createMemoryLog } from "../../../src/log/memory/log.ts";
import { createManualClock } from "../../support/manual-clock.ts";

const demo = tenantId("demo");
const payload = new TextEncoder().encode("{}");
const everyMs = 1_000;
const refused = { code: "log_identity", retryable: false };
const open: LogIdentityMonitor[] = [];

afterEach(async () => {
  for (const guard of open.splice(0)) await guard.stop();
});

function setUp() {
  const clock = createManualClock();
  const log = createMemoryLog({ clock });
  const reconnected = new Set<() => void>();
  const gauges = new Map<string, number>();
  const metrics: Metrics = { ...silentMetrics, set: (name, value) => gauges.set(name, value) };
  let checks = 0;
  const guard = new LogIdentityMonitor({
    log: {
      checkIdentity: async () => {
        checks += 1;
        await log.checkIdentity();
      },
      usage: () => Promise.resolve([{ stream: "DOCS", bytes: 5, bytesMax: 10 }]),
    },
    onReconnect: (listener) => {
      reconnected.add(listener);
      return () => reconnected.delete(listener);
    },
    ...{ clock, everyMs, metrics },
    logger: silentLogger,
  });
  open.push(guard);
  const reconnect = (): void => {
    for (const listener of reconnected) listener();
  };
  const guarded = guardedLog(log, guard);
  return { clock, log, hooks: log.hooks, guard, guarded, reconnect, gauges, checks: () => checks };
}

describe("the guard of the log (L5)", () => {
  it("notices a log that was replaced under its connection, and lets nothing pass", async () => {
    const { clock, hooks, guard, guarded, gauges } = setUp();
    await guarded.docs.publish({ tenant: demo, payload });
    hooks.breakIdentity();
    await clock.advance(everyMs);
    expect(guard.refusal).toMatchObject(refused);
    expect(gauges.get("log_refused")).toBe(1);
    await expect(guarded.docs.publish({ tenant: demo, payload })).rejects.toMatchObject(refused);
    await expect(guarded.chunks.last(demo)).rejects.toMatchObject(refused);
    await expect(guarded.manifests.get(demo)).rejects.toMatchObject(refused);
    await expect(guarded.leases.acquire(0 as Partition, "node")).rejects.toMatchObject(refused);
  });

  it("lets nothing pass after a reconnect before it has looked (LG1)", async () => {
    const { hooks, guarded, reconnect } = setUp();
    hooks.breakIdentity();
    reconnect();
    await expect(guarded.docs.publish({ tenant: demo, payload })).rejects.toMatchObject(refused);
  });

  it("is not sure while a look gets no answer, and changes no verdict by it (LG3)", async () => {
    const { clock, hooks, guard, guarded, reconnect } = setUp();
    hooks.setAvailable(false);
    reconnect();
    const unsure = { code: "log_unavailable", retryable: true };
    await expect(guarded.docs.lastSequence()).rejects.toMatchObject(unsure);
    expect(guard.refusal).toBeUndefined();
    hooks.setAvailable(true);
    await expect(guarded.docs.publish({ tenant: demo, payload })).resolves.toBeDefined();

    hooks.breakIdentity();
    await clock.advance(everyMs);
    hooks.setAvailable(false);
    await clock.advance(everyMs);
    expect(guard.refusal).toMatchObject(refused);
  });

  it("ends a reader that waits, and trusts the log again when it is put back", async () => {
    const { clock, hooks, guard, guarded, gauges } = setUp();
    const { signal } = new AbortController();
    const { seq } = await guarded.docs.publish({ tenant: demo, payload });
    const partition = 0 as Partition;
    const read = (from: number) =>
      guarded.docs.read({ partition, from: from as Version, signal })[Symbol.asyncIterator]();
    const next = read(seq + 1).next();
    next.catch(() => {});
    await clock.advance(1);
    hooks.breakIdentity();
    await clock.advance(everyMs);
    await expect(next).rejects.toMatchObject(refused);
    hooks.restoreIdentity();
    await clock.advance(everyMs);
    expect(guard.refusal).toBeUndefined();
    expect(gauges.get("log_refused")).toBe(0);
    await expect(guarded.docs.publish({ tenant: demo, payload })).resolves.toBeDefined();
  });

  it("renews no lease of before a refusal, also when the log is right at once (LG4)", async () => {
    const { clock, hooks, guard, guarded } = setUp();
    const partition = 3 as Partition;
    const before = await guarded.leases.acquire(partition, "node");
    if (before === null) return expect.fail("the lease is free");
    expect(await guarded.leases.renew(before, "node")).not.toBeNull();
    hooks.breakIdentity();
    await guard.check();
    hooks.restoreIdentity();
    await guard.check();
    expect(await guarded.leases.renew(before, "node")).toBeNull();
    await guarded.leases.release(before, "node");
    const after = await guarded.leases.acquire(partition, "node");
    if (after === null) return expect.fail("the lease is free again");
    expect(await guarded.leases.renew(after, "node")).toMatchObject({ epoch: after.epoch });
    await clock.advance(1);
  });

  it("checks at once when a call was refused, and blames no log for a damaged piece", async () => {
    const { clock, guard, guarded, checks } = setUp();
    const piece = guarded.manifests.getPiece(demo, "missing");
    await expect(piece).rejects.toMatchObject(refused);
    await clock.advance(1);
    expect(checks()).toBe(1);
    expect(guard.refusal).toBeUndefined();
    guard.suspect(new FreshetError("log_unavailable"));
    expect(checks()).toBe(1);
  });

  it("tells how full the streams are", async () => {
    const { clock, gauges } = setUp();
    await clock.advance(everyMs);
    expect(gauges.get("stream_bytes")).toBe(5);
    expect(gauges.get("stream_bytes_max")).toBe(10);
  });
});

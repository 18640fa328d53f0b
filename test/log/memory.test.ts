import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DocumentEvent } from "../../src/contract/events.ts";
import { type Position, tenantId } from "../../src/contract/ids.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { runs } from "../support/runs.ts";
import { describeLog } from "./conformance.ts";
import { collect, removal } from "./records.ts";

describeLog("memory", () => {
  const clock = createManualClock();
  const log = createMemoryLog({ clock, leaseMs: 1_000 });
  const { hooks } = log;
  return Promise.resolve({
    log,
    other: log,
    publishRaw: (tenant, payload) => Promise.resolve(void hooks.publishRaw(tenant, payload)),
    putForeignRecord: (tenant, headers, body = new Uint8Array()) =>
      Promise.resolve(hooks.putForeignRecord(tenant, headers, body)),
    putForeignManifest: (tenant, payload) =>
      Promise.resolve(hooks.putForeignManifest(tenant, payload)),
    putForeignLetter: (tenant, version) => Promise.resolve(hooks.putForeignLetter(tenant, version)),
    loseNextAppendAck: () => hooks.loseNextAppendAck(),
    atNextMoment: async () => {
      await clock.advance(10);
      return clock.nowMs();
    },
    letLeasesExpire: () => clock.advance(1_000),
    setServerClockBack: () => Promise.resolve(hooks.stepServerClock(-3_600_000)),
    passLeaseTime: (parts) => clock.advance(parts * 1_000),
    listen: (tenant) => {
      const { promise, resolve } = Promise.withResolvers<DocumentEvent>();
      hooks.onEvent((published) => {
        if (published.tenant === tenant) resolve(published.event);
      });
      return Promise.resolve({ event: promise });
    },
    close: () => log.close(),
  });
});

describe("the memory log's own hooks", () => {
  it("answers nothing while it is away, and continues afterwards", async () => {
    const log = createMemoryLog();
    const tenant = tenantId("demo");
    log.hooks.setAvailable(false);
    const publish = () => log.docs.publish({ tenant, payload: new Uint8Array() });
    await expect(publish()).rejects.toMatchObject({ code: "log_unavailable" });
    log.hooks.setAvailable(true);
    await expect(publish()).resolves.toMatchObject({ seq: expect.any(Number) });
  });

  it("ends a reader with an error when it is closed, never as if there were no news", async () => {
    const log = createMemoryLog();
    const { signal } = new AbortController();
    const read = log.docs.read({ partition: 0 as never, from: 0 as never, signal });
    const next = read[Symbol.asyncIterator]().next();
    await log.close();
    await expect(next).rejects.toMatchObject({ code: "log_unavailable" });
  });

  it("refuses service when its identity is broken (L5)", async () => {
    const log = createMemoryLog();
    log.hooks.breakIdentity();
    await expect(log.checkIdentity()).rejects.toMatchObject({ code: "log_identity" });
  });
});

/** Any mix of writers and epochs: what landed is one chain in which epochs never fall. */
describe("the chain of a tenant", () => {
  const step = fc.record({
    tenant: fc.constantFrom(tenantId("a"), tenantId("b")),
    epoch: fc.integer({ min: 1, max: 4 }),
    /** Which writer: each knows the tail that it saw last, which may be stale. */
    writer: fc.integer({ min: 0, max: 2 }),
    reload: fc.boolean(),
    ackLost: fc.boolean(),
  });

  it("is what a model with one list a tenant says, whichever writer appends", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const log = createMemoryLog();
        const model = new Map<string, { position: number; epoch: number }[]>();
        const known = new Map<string, number>();
        for (const [index, { tenant, epoch, writer, reload, ackLost }] of steps.entries()) {
          const landed = model.get(tenant) ?? [];
          model.set(tenant, landed);
          const tail = landed.at(-1);
          const key = `${tenant}/${writer}`;
          if (reload) known.set(key, tail?.position ?? 0);
          const expected = known.get(key) ?? 0;
          // A writer that has read a newer owner's record stands down by itself.
          if (tail?.position === expected && tail.epoch > epoch) continue;
          if (ackLost) log.hooks.loseNextAppendAck();
          const record = removal({ tenant, version: index, epoch }, `document ${index}`);
          const outcome = await log.chunks.append(record, expected as Position);
          if ((tail?.position ?? 0) !== expected) {
            const newer = tail !== undefined && tail.epoch > epoch;
            expect(outcome.kind).toBe(newer ? "fenced" : "behind");
            continue;
          }
          if (outcome.kind !== "appended") return expect.fail(`append was ${outcome.kind}`);
          landed.push({ position: outcome.position, epoch });
          known.set(key, outcome.position);
        }
        for (const [tenant, landed] of model) {
          const to = (landed.at(-1)?.position ?? 0) as Position;
          const range = { tenant: tenantId(tenant), after: 0 as Position, to };
          const found = await collect(log.chunks.headers(range));
          expect(found.map(({ position, epoch }) => ({ position, epoch }))).toEqual(landed);
          expect(landed.map(({ epoch }) => epoch)).toEqual(
            landed.map(({ epoch }) => epoch).toSorted((a, b) => a - b),
          );
        }
      }),
      { numRuns: runs(200) },
    );
  });
});

/**
 * TI1: a tenant whose reads return too little, from a copy of the log that lags, loses nothing that
 * was acknowledged.
 */

import fc from "fast-check";
import { expect, it } from "vitest";
import type { Version } from "../../src/contract/ids.ts";
import { createMemoryLog, type MemoryLog } from "../../src/log/memory/log.ts";
import { over } from "../simulation/ports.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { runs } from "../support/runs.ts";
import { acme } from "./kit.ts";
import { committed, operations, publish, recoveringTenant } from "./writer-kit.ts";

/**
 * The answers to the next questions about DOCS are those of a log that ends `lags[i]` operations
 * earlier.
 */
function lagging(log: MemoryLog, lags: readonly number[]): MemoryLog {
  const left = [...lags];
  const { docs } = log;
  const endOf = async (): Promise<number> => {
    const known = await docs.readTenant({ tenant: acme, after: 0 as Version, max: 1_000 });
    return known.at(-1 - (left.shift() ?? 0))?.version ?? 0;
  };
  const laggingDocs: Partial<MemoryLog["docs"]> = {
    async readTenant(options) {
      const end = await endOf();
      const found = await docs.readTenant({ ...options, max: 1_000 });
      return found.filter(({ version }) => version <= end).slice(0, options.max);
    },
    async nextVersion(above) {
      const end = await endOf();
      const next = await docs.nextVersion(above);
      return next <= end ? next : (0 as Version);
    },
  };
  return { ...log, docs: over(docs, laggingDocs) };
}

it("an operation that the catch-up did not see is found before the reader's first is taken in (I1)", async () => {
  const clock = createManualClock();
  const log = createMemoryLog({ clock, partitions: 1 });
  const [one, two] = [publish(log, { id: "a", text: "t" }), publish(log, { id: "b", text: "t" })];
  const tenant = recoveringTenant({ clock, log: lagging(log, [1, 1, 1]) });
  while (tenant.route.isBehind) await clock.advance(10);
  const three = publish(log, { id: "c", text: "t" });
  tenant.offer(three);
  await committed(log, three.version);
  expect(await operations(log)).toEqual(
    [one, two, three].map(({ version }) => `upsert ${version}`),
  );
  await tenant.system.stop();
});

it("whatever each read returns, every operation has its one record, in order (T1)", async () => {
  let holes = 0;
  const property = fc.asyncProperty(
    fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 }),
    fc.integer({ min: 0, max: 5 }),
    fc.integer({ min: 1, max: 4 }),
    async (lags, before, later) => {
      const clock = createManualClock();
      const log = createMemoryLog({ clock, partitions: 1 });
      const all = Array.from({ length: before }, () => publish(log, { id: "a", text: "t" }));
      const tenant = recoveringTenant({ clock, log: lagging(log, lags) });
      while (tenant.route.isBehind) await clock.advance(10);
      for (let index = 0; index < later; index += 1) {
        const operation = publish(log, { id: "b", text: "t" });
        all.push(operation);
        tenant.offer(operation);
        if (tenant.route.skippedTo > 0) holes += 1;
        await clock.advance(index % 2 === 0 ? 10 : 0);
      }
      for (let turn = 0; turn < 50; turn += 1) await clock.advance(10);
      expect(await operations(log)).toEqual(all.map(({ version }) => `upsert ${version}`));
      expect(tenant.route.isBehind).toBe(false);
      await tenant.system.stop();
    },
  );
  await fc.assert(property, { numRuns: runs(300) });
  // Otherwise the property would hold without ever having been tried.
  expect(holes).toBeGreaterThan(runs(20));
});

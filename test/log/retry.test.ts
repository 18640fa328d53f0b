import { expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import type { NatsContext } from "../../src/log/nats/connection.ts";
import { retryReads } from "../../src/log/nats/retry.ts";

/** Reads that end as `ends` says, the last way for ever; the test stops after so many pauses. */
async function pausesOf(ends: readonly ("nothing" | "item" | "fails")[], pausesMax: number) {
  const stop = new AbortController();
  const pauses: number[] = [];
  const context = {
    connection: { isClosed: () => false },
    logger: silentLogger,
    clock: {
      async sleep(ms: number) {
        pauses.push(ms);
        if (pauses.length >= pausesMax) stop.abort();
      },
    },
  } as unknown as NatsContext;
  let reads = 0;
  const once = async function* () {
    const end = ends[Math.min(reads, ends.length - 1)];
    reads += 1;
    if (end === "item") yield reads;
    if (end === "fails") throw new FreshetError("log_unavailable");
  };
  const items: number[] = [];
  for await (const item of retryReads(context, stop.signal, once)) items.push(item);
  return { items, pauses, reads };
}

it("pauses after a read that ends by itself with nothing, longer each time", async () => {
  const { pauses, reads } = await pausesOf(["nothing"], 4);
  expect(reads).toBe(4);
  expect(pauses.at(-1)).toBeGreaterThan(pauses[0] ?? 0);
});

it("goes on at once after a read that brought something", async () => {
  const { items, reads, pauses } = await pausesOf(["item", "item", "fails"], 2);
  expect(items).toEqual([1, 2]);
  expect([reads, pauses.length]).toEqual([4, 2]);
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type BatchLimits,
  paddedTokens,
  type QueuedText,
  selectBatch,
  splitByLength,
} from "../../src/embedding/batching.ts";

const limits: BatchLimits = { paddedTokensMax: 512, itemsMax: 8, lookAheadMax: 64, ageMaxMs: 250 };
const nowMs = 10_000;

interface Entry extends QueuedText {
  readonly id: number;
}

function entry(id: number, overrides: Partial<QueuedText> = {}): Entry {
  return { id, tenant: "a", tokens: 32, enqueuedAtMs: nowMs, cancelled: false, ...overrides };
}

const queues: fc.Arbitrary<Entry[]> = fc
  .array(
    fc.record({
      tenant: fc.constantFrom("a", "b", "c"),
      tokens: fc.integer({ min: 1, max: 700 }),
      enqueuedAtMs: fc.integer({ min: nowMs - 600, max: nowMs }),
      cancelled: fc.boolean(),
    }),
    { maxLength: 120 },
  )
  .map((entries) =>
    entries
      .sort((a, b) => a.enqueuedAtMs - b.enqueuedAtMs)
      .map((fields, id) => ({ id, ...fields })),
  );

const longest = (batch: readonly QueuedText[]): number =>
  Math.max(0, ...batch.map(({ tokens }) => tokens));

describe("selectBatch, for any queue", () => {
  it("puts every text in exactly one of batch, rest and dropped, and drops only the cancelled", () => {
    fc.assert(
      fc.property(queues, (queue) => {
        const { batch, rest, dropped } = selectBatch(queue, limits, nowMs);
        const ids = [...batch, ...rest, ...dropped].map(({ id }) => id);
        expect(ids.sort((a, b) => a - b)).toEqual(queue.map(({ id }) => id));
        expect(dropped).toEqual(queue.filter(({ cancelled }) => cancelled));
      }),
    );
  });

  it("keeps the order of what stays queued", () => {
    fc.assert(
      fc.property(queues, (queue) => {
        const { rest } = selectBatch(queue, limits, nowMs);
        const ids = rest.map(({ id }) => id);
        expect(ids).toEqual(ids.toSorted((a, b) => a - b));
      }),
    );
  });

  it("stays within both budgets, unless one text alone is over", () => {
    fc.assert(
      fc.property(queues, (queue) => {
        const { batch } = selectBatch(queue, limits, nowMs);
        expect(batch.length).toBeLessThanOrEqual(limits.itemsMax);
        if (batch.length > 1) {
          const cost = paddedTokens(batch.length, longest(batch));
          expect(cost).toBeLessThanOrEqual(limits.paddedTokensMax);
        }
      }),
    );
  });

  it("always takes something while somebody waits, so a queue drains", () => {
    fc.assert(
      fc.property(queues, (queue) => {
        let waiting: readonly Entry[] = queue;
        while (waiting.length > 0) {
          const { batch, rest } = selectBatch(waiting, limits, nowMs);
          if (batch.length === 0) expect(rest).toEqual([]);
          waiting = rest;
        }
      }),
    );
  });

  it("takes the oldest text once it is older than the age bound, whatever its length", () => {
    fc.assert(
      fc.property(queues, (queue) => {
        const oldest = queue.find(({ cancelled }) => !cancelled);
        if (oldest === undefined || nowMs - oldest.enqueuedAtMs <= limits.ageMaxMs) return;
        expect(selectBatch(queue, limits, nowMs).batch[0]).toBe(oldest);
      }),
    );
  });
});

describe("selectBatch, by example", () => {
  it("takes a single text at once: it waits for no company", () => {
    const only = entry(0);
    expect(selectBatch([only], limits, nowMs)).toEqual({ batch: [only], rest: [], dropped: [] });
  });

  it("groups texts of like length and leaves the others for the next batch", () => {
    const queue = Array.from({ length: 12 }, (_, id) => entry(id, { tokens: id % 2 ? 120 : 10 }));
    const { batch } = selectBatch(queue, limits, nowMs);
    expect(new Set(batch.map(({ tokens }) => tokens))).toEqual(new Set([120]));
    expect(batch).toHaveLength(4);
  });

  it("fills what is left of the budget with shorter texts, which cost no further padding", () => {
    const queue = [entry(0, { tokens: 5 }), entry(1, { tokens: 100 }), entry(2, { tokens: 90 })];
    const { batch } = selectBatch(queue, limits, nowMs);
    expect(batch.map(({ id }) => id)).toEqual([1, 2, 0]);
  });

  it("lets tenants take turns, so a long queue of one does not delay another", () => {
    const flood = Array.from({ length: 100 }, (_, id) => entry(id, { tenant: "flood" }));
    const queue = [...flood, entry(100, { tenant: "quiet" })];
    const { batch } = selectBatch(queue, limits, nowMs);
    expect(batch.map(({ tenant }) => tenant).slice(0, 2)).toEqual(["flood", "quiet"]);
    expect(batch).toHaveLength(8);
  });

  it("gives every tenant a place when all are overdue, also a tenant of other lengths", () => {
    const oldMs = nowMs - 1_000;
    const flood = Array.from({ length: 100 }, (_, id) =>
      entry(id, { tenant: "flood", tokens: 20, enqueuedAtMs: oldMs }),
    );
    const quiet = entry(100, { tenant: "quiet", tokens: 60, enqueuedAtMs: oldMs + 1 });
    const { batch } = selectBatch([...flood, quiet], limits, nowMs);
    expect(batch.slice(0, 2).map(({ tenant }) => tenant)).toEqual(["flood", "quiet"]);
  });

  it("looks no further ahead than it may", () => {
    const queue = Array.from({ length: 10 }, (_, id) => entry(id));
    const { batch } = selectBatch(queue, { ...limits, lookAheadMax: 3 }, nowMs);
    expect(batch).toHaveLength(3);
  });
});

describe("splitByLength", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 600 }), { maxLength: 100 });

  it("places every index once, within the budgets, shortest first", () => {
    fc.assert(
      fc.property(sizes, (lengths) => {
        const batches = splitByLength(lengths, limits);
        const indexes = batches.flat();
        expect(indexes.toSorted((a, b) => a - b)).toEqual(lengths.map((_, index) => index));
        const inOrder = indexes.map((index) => lengths[index] ?? 0);
        expect(inOrder).toEqual(inOrder.toSorted((a, b) => a - b));
        for (const batch of batches) {
          const cost = paddedTokens(batch.length, Math.max(...batch.map((i) => lengths[i] ?? 0)));
          expect(batch.length).toBeLessThanOrEqual(limits.itemsMax);
          if (batch.length > 1) expect(cost).toBeLessThanOrEqual(limits.paddedTokensMax);
        }
      }),
    );
  });
});

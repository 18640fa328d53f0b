import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type BatchLimits,
  type BatchState,
  batchShape,
  fillsBatch,
  selectBatch,
  splitByLength,
} from "../../src/embedding/batching.ts";
import { type CostModel, unmeasured, workMs } from "../../src/embedding/cost-model.ts";
import { noTurns, type QueuedText } from "../../src/embedding/fair-queue.ts";
import { type Entry, entry, nowMs, queues } from "./queued-texts.ts";

const limits: BatchLimits = {
  paddedTokensMax: 512,
  itemsMax: 8,
  predictedMsMax: 1_000,
  lookAheadMax: 64,
  ageMaxMs: 250,
};

/** Texts take time here, and a batch costs nothing by itself. */
const plainCosts: CostModel = { ...unmeasured, overheadMs: 0, msPerGflop: 4 };
/** The start of a batch costs more than any padding. */
const costlyStarts: CostModel = { ...unmeasured, overheadMs: 1_000, msPerGflop: 1 };

const fresh: BatchState = { turns: noTurns, costs: plainCosts, nowMs };
const select = (queue: readonly Entry[], options: Partial<BatchLimits & BatchState> = {}) =>
  selectBatch(queue, { ...limits, ...options }, { ...fresh, ...options });

const costModels: fc.Arbitrary<CostModel> = fc
  .record({
    overheadMs: fc.double({ min: 0, max: 50, noNaN: true }),
    msPerGflop: fc.double({ min: 0.01, max: 40, noNaN: true }),
  })
  .map((fields) => ({ ...unmeasured, ...fields }));

const paddedTokens = (texts: readonly QueuedText[]): number => {
  const { rows, columns } = batchShape(texts);
  return rows * columns;
};
const idsOf = (entries: readonly Entry[]): number[] => entries.map(({ id }) => id);
const ascending = (ids: readonly number[]): number[] => ids.toSorted((a, b) => a - b);

describe("selectBatch, for any queue", () => {
  it("puts every text in either batch or rest, but for those whose caller has gone", () => {
    fc.assert(
      fc.property(queues, costModels, (queue, costs) => {
        const { batch, rest } = select(queue, { costs });
        const live = queue.filter(({ cancelled }) => !cancelled);
        expect(ascending(idsOf([...batch, ...rest]))).toEqual(idsOf(live));
      }),
    );
  });

  it("keeps the order of what stays queued", () => {
    fc.assert(
      fc.property(queues, costModels, (queue, costs) => {
        const { rest } = select(queue, { costs });
        expect(idsOf(rest)).toEqual(ascending(idsOf(rest)));
      }),
    );
  });

  it("stays within every budget, unless one text alone is over", () => {
    const budgets = fc.record({
      costs: costModels,
      predictedMsMax: fc.double({ min: 0.1, max: 100, noNaN: true }),
      paddedTokensMax: fc.integer({ min: 1, max: 4_096 }),
      itemsMax: fc.integer({ min: 1, max: 32 }),
    });
    fc.assert(
      fc.property(queues, budgets, (queue, budget) => {
        const { batch } = select(queue, budget);
        expect(batch.length).toBeLessThanOrEqual(budget.itemsMax);
        if (batch.length <= 1) return;
        expect(paddedTokens(batch)).toBeLessThanOrEqual(budget.paddedTokensMax);
        expect(workMs(budget.costs, batchShape(batch))).toBeLessThanOrEqual(budget.predictedMsMax);
      }),
    );
  });

  it("always takes something while somebody waits, so a queue drains", () => {
    fc.assert(
      fc.property(queues, costModels, (queue, costs) => {
        let waiting: readonly Entry[] = queue;
        let turns = noTurns;
        while (waiting.length > 0) {
          const choice = select(waiting, { turns, costs });
          if (choice.batch.length === 0) expect(choice.rest).toEqual([]);
          waiting = choice.rest;
          turns = choice.turns;
        }
        expect(turns).toEqual(noTurns);
      }),
    );
  });

  it("takes the oldest text once it is older than the age bound, whatever its length", () => {
    fc.assert(
      fc.property(queues, (queue) => {
        const oldest = queue.find(({ cancelled }) => !cancelled);
        if (oldest === undefined || nowMs - oldest.enqueuedAtMs <= limits.ageMaxMs) return;
        expect(select(queue).batch[0]).toBe(oldest);
      }),
    );
  });

  it("takes a text of another length only where that costs no more than a batch of its own", () => {
    fc.assert(
      fc.property(queues, costModels, (queue, costs) => {
        const { batch } = select(queue, { costs });
        for (let rows = 1; rows < batch.length; rows += 1) {
          const before = workMs(costs, batchShape(batch.slice(0, rows)));
          const alone = workMs(costs, batchShape(batch.slice(rows, rows + 1)));
          const together = workMs(costs, batchShape(batch.slice(0, rows + 1)));
          expect(together).toBeLessThanOrEqual((before + alone + costs.overheadMs) * (1 + 1e-6));
        }
      }),
    );
  });

  it("fills a batch early only with a queue that would use up a budget", () => {
    fc.assert(
      fc.property(queues, costModels, (queue, costs) => {
        const full = fillsBatch(queue, limits, costs);
        const texts = queue.length;
        const tokens = queue.reduce((sum, text) => sum + text.tokens, 0);
        const ms = queue.reduce((sum, text) => sum + workMs(costs, batchShape([text])), 0);
        const { itemsMax, paddedTokensMax, predictedMsMax } = limits;
        expect(full).toBe(texts >= itemsMax || tokens >= paddedTokensMax || ms >= predictedMsMax);
      }),
    );
  });
});

describe("selectBatch, by example", () => {
  it("takes a single text at once: it waits for no company", () => {
    const only = entry(0);
    expect(select([only])).toMatchObject({ batch: [only], rest: [] });
  });

  it("takes a single text though it alone is over every budget", () => {
    const only = entry(0, { tokens: 700 });
    const tiny = { paddedTokensMax: 8, predictedMsMax: 0.001 };
    expect(select([only, entry(1)], tiny).batch).toEqual([only]);
  });

  it("groups texts of like length and leaves the others for the next batch", () => {
    const queue = Array.from({ length: 12 }, (_, id) => entry(id, { tokens: id % 2 ? 10 : 120 }));
    const { batch } = select(queue);
    expect(batch.map(({ tokens }) => tokens)).toEqual([120, 120, 120, 120]);
  });

  it("is small on a slow backend and large on a fast one, of the same queue", () => {
    const queue = Array.from({ length: 100 }, (_, id) => entry(id, { tokens: 144 }));
    const wide = { paddedTokensMax: 16_384, itemsMax: 128, lookAheadMax: 256, predictedMsMax: 30 };
    const cpu: CostModel = { ...plainCosts, msPerGflop: 2.1 };
    const gpu: CostModel = { ...plainCosts, msPerGflop: 0.02 };
    expect(select(queue, { ...wide, costs: cpu }).batch).toHaveLength(4);
    expect(select(queue, { ...wide, costs: gpu }).batch).toHaveLength(100);
  });

  it("leaves a short text out where padding costs time, and takes it along where batches do", () => {
    const queue = [entry(0, { tokens: 100 }), entry(1, { tokens: 5 }), entry(2, { tokens: 98 })];
    expect(idsOf(select(queue, { costs: plainCosts }).batch)).toEqual([0, 2]);
    expect(idsOf(select(queue, { costs: costlyStarts }).batch)).toEqual([0, 2, 1]);
  });

  it("does not count the backend's overhead against the time: no batch is small enough to save it", () => {
    const queue = Array.from({ length: 20 }, (_, id) => entry(id));
    expect(select(queue, { costs: costlyStarts, predictedMsMax: 30 }).batch).toHaveLength(8);
  });

  it("lets tenants take turns, so a long queue of one does not delay another", () => {
    const flood = Array.from({ length: 100 }, (_, id) => entry(id, { tenant: "flood" }));
    const queue = [...flood, entry(100, { tenant: "quiet" })];
    const { batch } = select(queue);
    expect(batch.map(({ tenant }) => tenant).slice(0, 2)).toEqual(["flood", "quiet"]);
    expect(batch).toHaveLength(8);
  });

  it("remembers the turns when a batch has room for one text only", () => {
    const flood = Array.from({ length: 100 }, (_, id) => entry(id, { tenant: "flood" }));
    const first = select(flood, { itemsMax: 1 });
    const queue = [...first.rest, entry(100, { tenant: "quiet", tokens: 500 })];
    const second = select(queue, { itemsMax: 1, turns: first.turns });
    expect(idsOf(second.batch)).toEqual([100]);
  });

  it("looks no further ahead than it may", () => {
    const queue = Array.from({ length: 10 }, (_, id) => entry(id));
    expect(select(queue, { lookAheadMax: 3 }).batch).toHaveLength(3);
  });

  it("looks ahead beyond one batch for texts of like length while nobody else waits", () => {
    const queue = Array.from({ length: 60 }, (_, id) => entry(id, { tokens: id % 12 ? 128 : 32 }));
    const others = idsOf(select(queue).batch);
    expect(others).toEqual([0, 12, 24, 36, 48]);
  });
});

describe("splitByLength", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 600 }), { maxLength: 100 });

  it("places every index once, within the budgets, shortest first", () => {
    fc.assert(
      fc.property(sizes, (lengths) => {
        const batches = splitByLength(lengths, limits);
        const indexes = batches.flat();
        expect(ascending(indexes)).toEqual(lengths.map((_, index) => index));
        const inOrder = indexes.map((index) => lengths[index] ?? 0);
        expect(inOrder).toEqual(ascending(inOrder));
        for (const batch of batches) {
          const { rows, columns } = batchShape(batch.map((i) => ({ tokens: lengths[i] ?? 0 })));
          expect(rows).toBeLessThanOrEqual(limits.itemsMax);
          if (rows > 1) expect(rows * columns).toBeLessThanOrEqual(limits.paddedTokensMax);
        }
      }),
    );
  });
});

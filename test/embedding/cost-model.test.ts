import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type BatchShape,
  batchGflop,
  type CostModel,
  learn,
  predictedMs,
  serviceMs,
  unmeasured,
  workMs,
} from "../../src/embedding/cost-model.ts";

const shapes: fc.Arbitrary<BatchShape> = fc.record({
  rows: fc.integer({ min: 1, max: 32 }),
  columns: fc.integer({ min: 1, max: 32 }).map((eighths) => eighths * 8),
});

/** From a GPU to a slow CPU; from a worker thread to the far end of a network. */
const backends = fc.record({
  overheadMs: fc.double({ min: 0, max: 50, noNaN: true }),
  msPerGflop: fc.double({ min: 0.01, max: 40, noNaN: true }),
});

const chunk: BatchShape = { rows: 1, columns: 144 };

interface Backend {
  readonly overheadMs: number;
  readonly msPerGflop: number;
}

const timeOf = ({ overheadMs, msPerGflop }: Backend, shape: BatchShape): number =>
  overheadMs + msPerGflop * batchGflop(shape);

function taught(model: CostModel, backend: Backend, batches: readonly BatchShape[]): CostModel {
  return batches.reduce((known, shape) => learn(known, shape, timeOf(backend, shape)), model);
}

/** Sixty batches between one short text and eight of the longest chunks, in no order. */
const mixedSizes: readonly BatchShape[] = Array.from({ length: 60 }, (_, index) => ({
  rows: 1 + ((index * 5) % 8),
  columns: 8 * (1 + ((index * 13) % 32)),
}));

const repeated = (shape: BatchShape, count: number): BatchShape[] =>
  new Array<BatchShape>(count).fill(shape);
const variousShapes = fc.array(shapes, { minLength: 30, maxLength: 60 });

describe("the work of a batch", () => {
  it("is linear in texts, and more than linear in their length", () => {
    fc.assert(
      fc.property(shapes, ({ rows, columns }) => {
        const one = batchGflop({ rows, columns });
        expect(batchGflop({ rows: rows * 2, columns })).toBeCloseTo(one * 2, 9);
        expect(batchGflop({ rows, columns: columns * 2 })).toBeGreaterThan(one * 2);
      }),
    );
  });

  it("is that of all-MiniLM-L6-v2: 2.87 GFLOP for 128 tokens", () => {
    expect(Math.abs(batchGflop({ rows: 1, columns: 128 }) - 2.87)).toBeLessThan(0.01);
  });
});

describe("the cost model", () => {
  it("takes an unknown backend for a slow one: a few chunks fill 30 ms", () => {
    expect(workMs(unmeasured, chunk)).toBeGreaterThan(30 / 8);
    expect(workMs(unmeasured, { ...chunk, rows: 4 })).toBeGreaterThan(30);
  });

  it("says what a batch will take once it has seen batches of many sizes, on any backend", () => {
    const meanGflop =
      mixedSizes.reduce((sum, shape) => sum + batchGflop(shape), 0) / mixedSizes.length;
    const shares = fc.double({ min: 0, max: 0.5, noNaN: true });
    fc.assert(
      fc.property(backends, shares, shapes, ({ msPerGflop }, share, shape) => {
        const overheadMs = (share / (1 - share)) * msPerGflop * meanGflop;
        const backend: Backend = { overheadMs, msPerGflop };
        const model = taught(unmeasured, backend, [...mixedSizes, ...mixedSizes, ...mixedSizes]);
        expect(workMs(model, shape) / (msPerGflop * batchGflop(shape))).toBeCloseTo(1, 1);
      }),
    );
  });

  it("puts a slow network down to overhead, so that batches grow and do not shrink to one text", () => {
    const remote: Backend = { overheadMs: 40, msPerGflop: 0.02 };
    let model = unmeasured;
    let rows = 1;
    for (const { columns } of [...mixedSizes, ...mixedSizes, ...mixedSizes]) {
      for (rows = 1; rows < 64 && workMs(model, { rows: rows + 1, columns }) <= 30; ) rows += 1;
      model = taught(model, remote, [{ rows, columns }]);
    }
    expect(rows).toBe(64);
  });

  it("gives the whole time to the texts while batches of one size cannot tell", () => {
    const model = taught(unmeasured, { overheadMs: 0, msPerGflop: 2 }, repeated(chunk, 60));
    expect(model.msPerGflop).toBeCloseTo(2, 1);
  });

  it("notices that a backend became ten times slower, or faster", () => {
    fc.assert(
      fc.property(fc.constantFrom(0.1, 10), (factor) => {
        const before: Backend = { overheadMs: 0, msPerGflop: 3 };
        const after: Backend = { overheadMs: 0, msPerGflop: 3 * factor };
        const known = taught(unmeasured, before, repeated(chunk, 60));
        const now = taught(known, after, repeated(chunk, 60));
        expect(workMs(now, chunk) / timeOf(after, chunk)).toBeGreaterThan(0.8);
        expect(workMs(now, chunk) / timeOf(after, chunk)).toBeLessThan(1.25);
      }),
    );
  });

  it("believes a backend that took no time at first and then does", () => {
    const known = taught(unmeasured, { overheadMs: 0, msPerGflop: 0 }, repeated(chunk, 500));
    const now: Backend = { overheadMs: 0, msPerGflop: 3 };
    const model = taught(known, now, repeated(chunk, 150));
    expect(workMs(model, chunk) / timeOf(now, chunk)).toBeGreaterThan(0.8);
  });

  it("is moved by no single measurement by more than a quarter, however odd", () => {
    const odd = fc.oneof(fc.constantFrom(0, 1e9), fc.double({ min: 0, max: 1e6, noNaN: true }));
    fc.assert(
      fc.property(
        backends,
        fc.array(shapes, { maxLength: 40 }),
        shapes,
        odd,
        (backend, seen, shape, ms) => {
          const before = taught(unmeasured, backend, seen);
          const after = learn(before, shape, ms);
          const ratio = after.msPerGflop / before.msPerGflop;
          expect(ratio).toBeLessThanOrEqual(1.25 + 1e-9);
          expect(ratio).toBeGreaterThanOrEqual(0.8 - 1e-9);
        },
      ),
    );
  });

  it("forgets a single outlier: no later batch is taken for twice as slow as it is", () => {
    fc.assert(
      fc.property(backends, variousShapes, shapes, variousShapes, (backend, seen, shape, later) => {
        const calm: Backend = { ...backend, overheadMs: 0 };
        let model = learn(taught(unmeasured, calm, [...seen, ...seen]), shape, 1e9);
        for (const next of later) {
          model = taught(model, calm, [next]);
          expect(model.msPerGflop).toBeLessThan(calm.msPerGflop * 2);
        }
      }),
    );
  });

  it("always has numbers that can be used: overhead not below zero, texts that are never free", () => {
    const measurements = fc.array(fc.tuple(shapes, fc.double({ min: 0, max: 1e5, noNaN: true })));
    fc.assert(
      fc.property(measurements, (measured) => {
        let model = unmeasured;
        for (const [shape, ms] of measured) {
          model = learn(model, shape, ms);
          expect(model.overheadMs).toBeGreaterThanOrEqual(0);
          expect(model.msPerGflop).toBeGreaterThan(0);
          expect(model.overheadMs / model.means.ms).toBeLessThanOrEqual(0.75 + 1e-9);
          expect(Number.isFinite(predictedMs(model, shape))).toBe(true);
        }
      }),
    );
  });
});

describe("the time that a batch took", () => {
  it("counts from the moment it was sent while the backend was idle", () => {
    expect(serviceMs({ sentAtMs: 100, previousReplyAtMs: undefined, repliedAtMs: 107 })).toBe(7);
    expect(serviceMs({ sentAtMs: 100, previousReplyAtMs: 40, repliedAtMs: 107 })).toBe(7);
  });

  it("leaves out the wait behind the batch before", () => {
    expect(serviceMs({ sentAtMs: 100, previousReplyAtMs: 130, repliedAtMs: 137 })).toBe(7);
  });
});

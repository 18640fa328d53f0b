import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { batchSizeOf } from "../../src/embedding/batch-size.ts";
import { type BatchLimits, batchShape, selectBatch } from "../../src/embedding/batching.ts";
import { type BatchShape, batchGflop, learn, unmeasured } from "../../src/embedding/cost-model.ts";
import { noTurns } from "../../src/embedding/fair-queue.ts";
import type { EmbedProvider } from "../../src/embedding/precision.ts";
import { type Entry, entry } from "./queued-texts.ts";

/** What a backend takes for a batch, in milliseconds. */
type Curve = (shape: BatchShape) => number;

const queued = 160;
const chunkTokens = 128;

function limitsOf(provider: EmbedProvider): BatchLimits {
  const { paddedTokensMax, itemsMax, seeksOverhead } = batchSizeOf(provider);
  return {
    ...{ paddedTokensMax, itemsMax, seeksOverhead },
    predictedMsMax: limits.embedBatchPredictedMsMax,
    lookAheadMax: limits.embedLookAheadMax,
    ageMaxMs: limits.embedQueueAgeMaxMs,
  };
}

/** Feeds a backend from a queue that is always full. @returns its batches in order, with times */
function feed(
  provider: EmbedProvider,
  curve: Curve,
  { batches = 60, tokens = [chunkTokens] } = {},
) {
  const sizes = limitsOf(provider);
  const made: { readonly rows: number; readonly ms: number }[] = [];
  let [costs, turns, nowMs, next] = [unmeasured, noTurns, 0, 0];
  let queue: readonly Entry[] = [];
  while (made.length < batches) {
    const more = Array.from({ length: queued - queue.length }, () => {
      next += 1;
      return entry(next, { tokens: tokens[next % tokens.length] ?? chunkTokens });
    });
    const choice = selectBatch([...queue, ...more], sizes, { turns, costs, nowMs });
    const shape = batchShape(choice.batch);
    const ms = curve(shape);
    costs = learn(costs, shape, ms);
    made.push({ rows: shape.rows, ms });
    [queue, turns, nowMs] = [choice.rest, choice.turns, nowMs + ms];
  }
  return made;
}

const rateOf = (made: readonly { readonly rows: number; readonly ms: number }[]): number =>
  made.reduce((sum, { rows }) => sum + rows, 0) / made.reduce((sum, { ms }) => sum + ms, 0);

const runs = { numRuns: 8 };

describe("the size of a batch follows from what the backend takes", () => {
  it("is 64 texts and more where a batch takes one time whatever is in it, short or long", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.5, max: 300, noNaN: true }), (ms) => {
        const last = feed("webgpu", () => ms, { batches: 110 }).slice(-20);
        for (const { rows } of last) expect(rows).toBeGreaterThanOrEqual(64);
      }),
      runs,
    );
  });

  it("is as big as fills a GPU that is flat up to a size and linear beyond it", () => {
    const devices = fc.record({
      launchMs: fc.double({ min: 0.5, max: 20, noNaN: true }),
      fullAtRows: fc.integer({ min: 16, max: 64 }),
    });
    fc.assert(
      fc.property(devices, ({ launchMs, fullAtRows }) => {
        const msPerGflop = launchMs / batchGflop({ rows: fullAtRows, columns: chunkTokens });
        const curve: Curve = (shape) => Math.max(launchMs, msPerGflop * batchGflop(shape));
        const last = feed("webgpu", curve).slice(-20);
        const full = fullAtRows / launchMs;
        expect(rateOf(last) / full).toBeGreaterThan(0.9);
      }),
      runs,
    );
  });

  it("stays within the time of a batch where texts take their time each, as on a CPU", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.3, max: 4, noNaN: true }), (msPerGflop) => {
        const curve: Curve = (shape) => msPerGflop * batchGflop(shape);
        for (const { ms } of feed("cpu", curve).slice(10))
          expect(ms).toBeLessThanOrEqual(limits.embedBatchPredictedMsMax * 1.35);
      }),
      runs,
    );
  });

  it("is tried above that time seldom where a device turns out to be as slow as a CPU", () => {
    const curve: Curve = (shape) => 4 * batchGflop(shape);
    const last = feed("webgpu", curve, { batches: 120 }).slice(20);
    const long = last.filter(({ ms }) => ms > limits.embedBatchPredictedMsMax * 1.1);
    expect(long.length / last.length).toBeLessThan(0.08);
    for (const { ms } of long) expect(ms).toBeLessThan(limits.embedBatchPredictedMsMax * 2.1);
  });

  it("is found for texts of many lengths too", () => {
    const tokens = [16, 240, 64, 128, 200, 32, 96];
    const flat = feed("cuda", () => 150, { batches: 110, tokens }).slice(-20);
    expect(flat.reduce((sum, { rows }) => sum + rows, 0) / flat.length).toBeGreaterThan(48);
  });
});

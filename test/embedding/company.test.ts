import { describe, expect, test } from "vitest";
import {
  type BatchLimits,
  batchShape,
  fillsBatch,
  selectBatch,
} from "../../src/embedding/batching.ts";
import { type Company, joinedBy, limitsIn, noCompany } from "../../src/embedding/company.ts";
import { unmeasured, workMs } from "../../src/embedding/cost-model.ts";
import { noTurns, type QueuedText } from "../../src/embedding/fair-queue.ts";

const batch: BatchLimits = {
  ...{ paddedTokensMax: 2_048, itemsMax: 32, predictedMsMax: 30 },
  ...{ lookAheadMax: 512, ageMaxMs: 1_000 },
};
const backend = { batchesInFlightMax: 2, batchesAtOnceMax: 1 };
const overheadMs = 0.5;
/** About a millisecond for a text of fifty tokens. */
const costs = { ...unmeasured, overheadMs, msPerGflop: 1 };

/** What one text of another tenant waits for its vector, coming `atMs` into a flood. */
function waitMs(company: Company, atMs: number): number {
  let [nowMs, freeAtMs, turns] = [0, 0, noTurns];
  let queue: QueuedText[] = [];
  const inFlight: { readonly doneAtMs: number; readonly texts: readonly QueuedText[] }[] = [];
  const put = (tenant: string): void => {
    const text = { tenant, weight: 1, tokens: 50, enqueuedAtMs: nowMs, cancelled: false };
    queue.push(text);
  };
  let isThere = false;
  for (;;) {
    if (!isThere && nowMs >= atMs) {
      put("quiet");
      isThere = true;
    }
    while (queue.filter(({ tenant }) => tenant === "flood").length < 70) put("flood");
    const limits = limitsIn(company, batch, { ...backend, nowMs });
    while (
      inFlight.length < backend.batchesInFlightMax &&
      (inFlight.length < backend.batchesAtOnceMax || fillsBatch(queue, limits, costs))
    ) {
      const chosen = selectBatch(queue, limits, { turns, costs, nowMs });
      queue = chosen.rest;
      turns = chosen.turns;
      freeAtMs = Math.max(freeAtMs, nowMs) + overheadMs + workMs(costs, batchShape(chosen.batch));
      inFlight.push({ doneAtMs: freeAtMs, texts: chosen.batch });
    }
    const next = inFlight[0]?.doneAtMs ?? 0;
    if (!isThere && atMs < next) {
      nowMs = atMs;
      continue;
    }
    nowMs = next;
    const done = inFlight.shift();
    if (done?.texts.some(({ tenant }) => tenant === "quiet") === true) return nowMs - atMs;
  }
}

const longestMs = (company: Company): number =>
  Math.max(...Array.from({ length: 32 }, (_, at) => waitMs(company, 90 + 3 * at)));

describe("a text that comes into another tenant's flood", () => {
  const together = joinedBy(joinedBy(noCompany, "flood", 0), "quiet", 0);

  test("has its vector within the time of one batch, at whatever moment it comes (I9)", () => {
    expect(longestMs(together)).toBeLessThanOrEqual(batch.predictedMsMax + 3 * overheadMs);
  });

  test("would wait for three batches if they were as large as those of a tenant alone", () => {
    expect(longestMs(noCompany)).toBeGreaterThan(2.5 * batch.predictedMsMax);
  });
});

describe("company", () => {
  const of = (company: Company, nowMs: number) =>
    limitsIn(company, batch, { ...backend, nowMs }).predictedMsMax;

  test("is another tenant's request, and lasts while others come now and then", () => {
    const alone = joinedBy(joinedBy(noCompany, "a", 0), "a", 5);
    expect(of(alone, 6)).toBe(30);
    const both = joinedBy(alone, "b", 10);
    expect(of(both, 11)).toBe(10);
    const again = joinedBy(both, "b", 50_000);
    expect(of(again, 60_009)).toBe(10);
    expect(of(again, 60_010)).toBe(30);
  });

  test("counts batches that are worked on at once as one wait", () => {
    const both = joinedBy(joinedBy(noCompany, "a", 0), "b", 0);
    const remote = { batchesInFlightMax: 4, batchesAtOnceMax: 4, nowMs: 1 };
    expect(limitsIn(both, batch, remote).predictedMsMax).toBe(15);
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  charged,
  leftOf,
  type Meter,
  newMeter,
  type Rate,
  rateOf,
  waitMsOf,
} from "../../src/tenants/quota.ts";

interface Arrival {
  readonly atMs: number;
  readonly amount: number;
}

const rates: fc.Arbitrary<Rate> = fc.record({
  perSecond: fc.double({ min: 0.01, max: 10_000, noNaN: true }),
  burst: fc.double({ min: 1, max: 10_000, noNaN: true }),
});

/** In order of time; many at one moment. */
const arrivals: fc.Arbitrary<readonly Arrival[]> = fc
  .array(
    fc.record({
      gapMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 2_000, noNaN: true })),
      amount: fc.double({ min: 0.5, max: 200, noNaN: true }),
    }),
    { maxLength: 200 },
  )
  .map((gaps) => {
    let atMs = 1_000;
    return gaps.map(({ gapMs, amount }) => {
      atMs += gapMs;
      return { atMs, amount };
    });
  });

/** Those that are admitted, one after the other, and the meter at the end. */
function admitAll(rate: Rate, all: readonly Arrival[]) {
  let meter: Meter = newMeter;
  const admitted: Arrival[] = [];
  for (const { atMs: nowMs, amount } of all) {
    const at = { amount, nowMs };
    if (waitMsOf(rate, meter, at) > 0) continue;
    meter = charged(rate, meter, at);
    admitted.push({ atMs: nowMs, amount: Math.min(amount, rate.burst) });
  }
  return { admitted, meter };
}

const nearly = (bound: number): number => bound * (1 + 1e-9) + 1e-6;

describe("a rate", () => {
  it("QA1: never admits more than burst + rate x t, in any stretch of time", () => {
    fc.assert(
      fc.property(rates, arrivals, (rate, all) => {
        const { admitted } = admitAll(rate, all);
        for (const [from, first] of admitted.entries()) {
          let sum = 0;
          for (const { atMs, amount } of admitted.slice(from)) {
            sum += amount;
            const seconds = (atMs - first.atMs) / 1_000;
            expect(sum).toBeLessThanOrEqual(nearly(rate.burst + rate.perSecond * seconds));
          }
        }
      }),
    );
  });

  it("QA2: never refuses what together with all before it keeps to that bound", () => {
    fc.assert(
      fc.property(rates, arrivals, (rate, all) => {
        let meter: Meter = newMeter;
        const admitted: Arrival[] = [];
        for (const { atMs, amount: asked } of all) {
          const amount = Math.min(asked, rate.burst);
          const at = { amount, nowMs: atMs };
          const mayCome = [...admitted, { atMs, amount }].every((first, from, together) => {
            const sum = together.slice(from).reduce((total, one) => total + one.amount, 0);
            return sum <= rate.burst + (rate.perSecond * (atMs - first.atMs)) / 1_000 - 1e-6;
          });
          const isAdmitted = waitMsOf(rate, meter, at) === 0;
          if (mayCome) expect(isAdmitted).toBe(true);
          if (!isAdmitted) continue;
          meter = charged(rate, meter, at);
          admitted.push({ atMs, amount });
        }
      }),
    );
  });

  it("QA3: what is refused is admitted after the time that was told, and not much sooner", () => {
    fc.assert(
      fc.property(
        rates,
        arrivals,
        fc.double({ min: 0.5, max: 200, noNaN: true }),
        (rate, all, amount) => {
          const { meter } = admitAll(rate, all);
          const nowMs = all.at(-1)?.atMs ?? 0;
          const waitMs = waitMsOf(rate, meter, { amount, nowMs });
          const later = (ms: number) => waitMsOf(rate, meter, { amount, nowMs: nowMs + ms });
          expect(later(waitMs + 0.001)).toBe(0);
          if (waitMs > 1) expect(later(waitMs - 0.5)).toBeGreaterThan(0);
        },
      ),
    );
  });

  it("QA4: keeps what is owed when it changes, so that a raised quota helps at once", () => {
    const slow = rateOf(0.01, { burstSeconds: 1, burstMin: 1 });
    const meter = charged(slow, newMeter, { amount: 1, nowMs: 0 });
    expect(waitMsOf(slow, meter, { amount: 1, nowMs: 0 })).toBeCloseTo(100_000);
    const fast = rateOf(100, { burstSeconds: 1, burstMin: 1 });
    expect(leftOf(fast, meter, 0)).toBeCloseTo(99);
    expect(waitMsOf(fast, meter, { amount: 99, nowMs: 0 })).toBe(0);
  });

  it("QA4: a lowered quota lets in at its own rate from then on, whatever came before", () => {
    const rate = (perSecond: number) => rateOf(perSecond, { burstSeconds: 1, burstMin: 1 });
    const meter = charged(rate(500), newMeter, { amount: 500, nowMs: 0 });
    const lowered = rate(1);
    expect(waitMsOf(lowered, meter, { amount: 1, nowMs: 0 })).toBeCloseTo(1_000);
    const next = charged(lowered, meter, { amount: 1, nowMs: 1_000 });
    expect(waitMsOf(lowered, next, { amount: 1, nowMs: 1_000 })).toBeCloseTo(1_000);
    const paused = { perSecond: 500, burst: 5 };
    expect(waitMsOf(paused, meter, { amount: 5, nowMs: 0 })).toBeCloseTo(10);
  });

  it("takes an amount above its burst for the whole burst, so that nothing waits for ever", () => {
    const rate = { perSecond: 10, burst: 5 };
    expect(waitMsOf(rate, newMeter, { amount: 50, nowMs: 0 })).toBe(0);
    const meter = charged(rate, newMeter, { amount: 50, nowMs: 0 });
    expect(waitMsOf(rate, meter, { amount: 50, nowMs: 0 })).toBeCloseTo(500);
  });
});

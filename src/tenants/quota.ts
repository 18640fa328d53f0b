/**
 * The decision about a rate: GCRA (the generic cell rate algorithm, ITU-T I.371), over amounts. A
 * meter is one number, the time at which everything admitted so far is paid for.
 *
 *   QA1  in any stretch of t seconds no more is admitted than `burst + perSecond * t`;
 *   QA2  what keeps to that bound is never refused;
 *   QA3  a refusal changes nothing, and tells after how long the same is admitted if nothing else
 *        comes meanwhile;
 *   QA4  a rate that changes keeps what is owed, in units and not in time, up to its own burst:
 *        what came under a larger one was let in, and is not held against a smaller one for hours.
 */

export interface Rate {
  readonly perSecond: number;
  /** What may come at once after a pause; no single amount is above it. */
  readonly burst: number;
}

export interface Meter {
  /** Monotonic milliseconds. */
  readonly paidAtMs: number;
  /** At which that was computed. */
  readonly rate: Rate;
}

export const newMeter: Meter = {
  paidAtMs: Number.NEGATIVE_INFINITY,
  rate: { perSecond: 1, burst: 0 },
};

/** Rounding in the arithmetic of times; far below anything that a rate can tell. */
const epsilonMs = 1e-6;

/** Units that are admitted and not paid for yet (QA4). */
function owed(rate: Rate, { paidAtMs, rate: before }: Meter, nowMs: number): number {
  const units = (Math.max(0, paidAtMs - nowMs) * before.perSecond) / 1000;
  const isSame = rate.perSecond === before.perSecond && rate.burst === before.burst;
  return isSame ? units : Math.min(units, rate.burst);
}

/** Milliseconds until the amount conforms; 0 when it does now (QA3). */
export function waitMsOf(rate: Rate, meter: Meter, at: { amount: number; nowMs: number }): number {
  const { perSecond, burst } = rate;
  const over = owed(rate, meter, at.nowMs) + Math.min(at.amount, burst) - burst;
  const waitMs = (over * 1000) / perSecond;
  return waitMs <= epsilonMs ? 0 : waitMs;
}

/**
 * The meter after the amount, whether it conforms now or is made to wait; a negative one is given
 * back.
 */
export function charged(rate: Rate, meter: Meter, at: { amount: number; nowMs: number }): Meter {
  const { perSecond, burst } = rate;
  const units = Math.max(0, owed(rate, meter, at.nowMs) + Math.min(at.amount, burst));
  return { paidAtMs: at.nowMs + (units * 1000) / perSecond, rate };
}

/** What would be admitted at once. */
export function leftOf(rate: Rate, meter: Meter, nowMs: number): number {
  return Math.max(0, rate.burst - owed(rate, meter, nowMs));
}

export function rateOf(
  perSecond: number,
  options: { readonly burstSeconds: number; readonly burstMin: number },
): Rate {
  return { perSecond, burst: Math.max(perSecond * options.burstSeconds, options.burstMin) };
}

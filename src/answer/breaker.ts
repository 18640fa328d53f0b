/**
 * When an endpoint is asked and when it is left alone. Pure: the state of before and what happened
 * make that of after.
 *
 *   BR1  after `breakerFailures` failures in a row, or at once where the endpoint says so (a
 *        refusal that the next call would get as well, a `Retry-After`), it rests;
 *   BR2  each rest in a row is twice as long, up to a bound; what `Retry-After` asks for is obeyed
 *        up to another;
 *   BR3  behind a rest one call tries it; the others wait for what becomes of that one;
 *   BR4  calls that were under way when the rest began neither lengthen nor end it, but for a
 *        longer `Retry-After`, and so it is with those that end after it (`Link.era`);
 *   BR5  a call that was given up for reasons of its own says nothing about the endpoint.
 */

import { limits } from "../contract/limits.ts";

export interface Breaker {
  /** In a row. */
  readonly failures: number;
  /** In a row, without a success in between. */
  readonly rests: number;
  /** Monotonic milliseconds. */
  readonly restsUntilMs: number;
  /** One call tries whether it is back. */
  readonly isTrying: boolean;
}

export const closed: Breaker = {
  failures: 0,
  rests: 0,
  restsUntilMs: Number.NEGATIVE_INFINITY,
  isTrying: false,
};

export interface Failed {
  readonly nowMs: number;
  /** What the endpoint asked for. */
  readonly retryAfterMs?: number | undefined;
  /** The next call would fail in the same way. */
  readonly isRefusal?: boolean | undefined;
}

export function mayAsk({ restsUntilMs, isTrying }: Breaker, nowMs: number): boolean {
  return nowMs >= restsUntilMs && !isTrying;
}

export function asked(breaker: Breaker): Breaker {
  return breaker.rests === 0 ? breaker : { ...breaker, isTrying: true };
}

export function succeeded(breaker: Breaker, nowMs: number): Breaker {
  return nowMs < breaker.restsUntilMs ? breaker : closed; // BR4
}

/** BR5. */
export function givenUp(breaker: Breaker): Breaker {
  return breaker.isTrying ? { ...breaker, isTrying: false } : breaker;
}

export function failed(breaker: Breaker, { nowMs, retryAfterMs, isRefusal }: Failed): Breaker {
  const askedFor =
    retryAfterMs === undefined ? 0 : Math.min(retryAfterMs, limits.modelRetryAfterMsMax);
  if (nowMs < breaker.restsUntilMs) {
    return { ...breaker, restsUntilMs: Math.max(breaker.restsUntilMs, nowMs + askedFor) };
  }
  const failures = breaker.failures + 1;
  const rests =
    breaker.isTrying ||
    isRefusal === true ||
    retryAfterMs !== undefined ||
    failures >= limits.breakerFailures;
  if (!rests) return { ...breaker, failures };
  const ownMs = Math.min(limits.breakerOpenMs * 2 ** breaker.rests, limits.breakerOpenMsMax);
  return {
    failures,
    rests: Math.min(breaker.rests + 1, restsCounted),
    restsUntilMs: nowMs + Math.max(ownMs, askedFor),
    isTrying: false,
  };
}

/** From here on the bound says how long. */
const restsCounted = Math.ceil(Math.log2(limits.breakerOpenMsMax / limits.breakerOpenMs)) + 1;

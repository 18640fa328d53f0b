import fc from "fast-check";
import { expect, it } from "vitest";
import {
  asked,
  type Breaker,
  closed,
  failed,
  givenUp,
  mayAsk,
  succeeded,
} from "../../src/answer/breaker.ts";
import { limits } from "../../src/contract/limits.ts";
import { runs } from "../support/runs.ts";

const failures = (count: number, nowMs = 0, from: Breaker = closed): Breaker =>
  Array.from({ length: count }).reduce<Breaker>((state) => failed(state, { nowMs }), from);

it("BR1: rests after its failures in a row, and a success in between begins anew", () => {
  const before = failures(limits.breakerFailures - 1);
  expect(mayAsk(before, 0)).toBe(true);
  expect(mayAsk(failures(1, 0, before), 0)).toBe(false);
  expect(mayAsk(failures(limits.breakerFailures - 1, 0, succeeded(before, 0)), 0)).toBe(true);
});

it("BR1, BR2: rests at once where the endpoint says so, as long as it asked for, within a bound", () => {
  expect(mayAsk(failed(closed, { nowMs: 0, isRefusal: true }), 0)).toBe(false);
  const busy = failed(closed, { nowMs: 1_000, retryAfterMs: 7_000 });
  expect([mayAsk(busy, 7_999), mayAsk(busy, 8_000)]).toEqual([false, true]);
  const long = failed(closed, { nowMs: 0, retryAfterMs: 86_400_000 });
  expect(mayAsk(long, limits.modelRetryAfterMsMax)).toBe(true);
});

it("BR2, BR3: one call tries it behind a rest, and a failure doubles the next one up to a bound", () => {
  let state = failures(limits.breakerFailures);
  let nowMs = 0;
  const rests: number[] = [];
  for (let round = 0; round < 9; round += 1) {
    rests.push(state.restsUntilMs - nowMs);
    nowMs = state.restsUntilMs;
    expect(mayAsk(state, nowMs)).toBe(true);
    state = asked(state);
    expect(mayAsk(state, nowMs)).toBe(false);
    state = failed(state, { nowMs });
  }
  const most = limits.breakerOpenMsMax;
  const doubling = [1, 2, 4, 8, 16, 32].map((factor) => factor * limits.breakerOpenMs);
  expect(rests).toEqual([...doubling, most, most, most]);
  const back = succeeded(asked(state), state.restsUntilMs);
  expect(back).toEqual(closed);
});

it("BR4: calls from before a rest neither lengthen nor end it, but for a longer Retry-After", () => {
  const resting = failures(limits.breakerFailures);
  expect(failures(50, 1, resting)).toEqual(resting);
  expect(succeeded(resting, 1)).toEqual(resting);
  expect(failed(resting, { nowMs: 1, retryAfterMs: 9_000 }).restsUntilMs).toBe(9_001);
});

it("BR5: a call that was given up lets the next one try", () => {
  const tried = asked(failures(limits.breakerFailures));
  const nowMs = limits.breakerOpenMs;
  expect(mayAsk(tried, nowMs)).toBe(false);
  expect(mayAsk(givenUp(tried), nowMs)).toBe(true);
});

it("an endpoint is never left alone for longer than the longest that it may ask for", () => {
  const event = fc.record({
    waitMs: fc.nat(100_000),
    what: fc.constantFrom("failed", "refused", "busy", "succeeded", "givenUp"),
    retryAfterMs: fc.nat(10_000_000),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      let [state, nowMs] = [closed, 0];
      for (const { waitMs, what, retryAfterMs } of events) {
        nowMs += waitMs;
        if (mayAsk(state, nowMs)) state = asked(state);
        if (what === "succeeded") state = succeeded(state, nowMs);
        else if (what === "givenUp") state = givenUp(state);
        else if (what === "busy") state = failed(state, { nowMs, retryAfterMs });
        else state = failed(state, { nowMs, isRefusal: what === "refused" });
        const rested = nowMs + limits.modelRetryAfterMsMax;
        expect(mayAsk(givenUp(state), rested)).toBe(true);
      }
    }),
    { numRuns: runs(60) },
  );
});

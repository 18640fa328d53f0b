import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { backoffMs, judgeFailure, type RestartPolicy } from "../../src/runtime/backoff.ts";

const policy: RestartPolicy = {
  backoffMinMs: 100,
  backoffMaxMs: 1_000,
  restartsMax: 3,
  windowMs: 10_000,
};

describe("backoffMs", () => {
  it("doubles from the shortest pause up to the longest", () => {
    const pauses = [0, 1, 2, 3, 4, 5].map((repetition) => backoffMs(policy, repetition));
    expect(pauses).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it("stays within its bounds for any repetition", () => {
    fc.assert(
      fc.property(fc.nat(), (repetition) => {
        const pause = backoffMs(policy, repetition);
        expect(pause).toBeGreaterThanOrEqual(policy.backoffMinMs);
        expect(pause).toBeLessThanOrEqual(policy.backoffMaxMs);
      }),
    );
  });
});

describe("judgeFailure", () => {
  it("restarts with a longer pause each time and escalates past the number allowed", () => {
    let failuresMs: readonly number[] = [];
    const pauses: number[] = [];
    for (let failure = 0; failure < policy.restartsMax; failure += 1) {
      const verdict = judgeFailure(policy, failuresMs, failure);
      if (verdict.kind !== "restart") throw new Error("escalated too early");
      failuresMs = verdict.failuresMs;
      pauses.push(verdict.afterMs);
    }
    expect(pauses).toEqual([100, 200, 400]);
    expect(judgeFailure(policy, failuresMs, policy.restartsMax)).toEqual({ kind: "escalate" });
  });

  it("forgets failures that are older than the window, and remembers those inside it", () => {
    expect(judgeFailure(policy, [0, 1, 2], 10_002)).toEqual({
      kind: "restart",
      afterMs: 100,
      failuresMs: [10_002],
    });
    expect(judgeFailure(policy, [0, 1, 3], 10_002)).toEqual({
      kind: "restart",
      afterMs: 200,
      failuresMs: [3, 10_002],
    });
  });

  it("never restarts when no restart is allowed", () => {
    expect(judgeFailure({ ...policy, restartsMax: 0 }, [], 5)).toEqual({ kind: "escalate" });
  });

  it("with the shipped bounds escalates an actor that fails at once, within one window", () => {
    const shipped: RestartPolicy = {
      backoffMinMs: limits.restartBackoffMinMs,
      backoffMaxMs: limits.restartBackoffMaxMs,
      restartsMax: limits.restartsMax,
      windowMs: limits.restartWindowMs,
    };
    let failuresMs: readonly number[] = [];
    let nowMs = 0;
    for (let failure = 0; failure < limits.restartsMax; failure += 1) {
      const verdict = judgeFailure(shipped, failuresMs, nowMs);
      if (verdict.kind !== "restart") throw new Error("escalated too early");
      failuresMs = verdict.failuresMs;
      nowMs += verdict.afterMs;
    }
    expect(judgeFailure(shipped, failuresMs, nowMs)).toEqual({ kind: "escalate" });
  });
});

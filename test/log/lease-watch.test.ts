import fc from "fast-check";
import { expect, it } from "vitest";
import { LeaseWatch } from "../../src/log/lease-watch.ts";

const leaseMs = 100;

it("LW1: an entry is stale only after one revision for a lease time, however slow the looks", () => {
  const look = fc.record({
    /** Until the look is sent, on its way there, and on its way back. */
    pauseMs: fc.nat(120),
    thereMs: fc.nat(60),
    backMs: fc.nat(60),
    /** Whether it was renewed since the look before, and how long before this one. */
    renewedMs: fc.option(fc.nat(60)),
  });
  fc.assert(
    fc.property(fc.array(look, { maxLength: 30 }), (looks) => {
      const watch = new LeaseWatch<string>(leaseMs);
      let nowMs = 0;
      let revision = 1;
      let renewedAtMs = 0;
      for (const { pauseMs, thereMs, backMs, renewedMs } of looks) {
        const sentMs = nowMs + pauseMs;
        const atMs = sentMs + thereMs;
        if (renewedMs !== null) {
          revision += 1;
          renewedAtMs = Math.max(renewedAtMs, atMs - renewedMs);
        }
        nowMs = atMs + backMs;
        if (watch.see("entry", revision, { sentMs, answeredMs: nowMs })) {
          expect(atMs - renewedAtMs).toBeGreaterThanOrEqual(leaseMs);
        }
      }
    }),
  );
});

it("says what it said at the last look, and forgets what is not there any more", () => {
  const watch = new LeaseWatch<string>(leaseMs);
  const at = (ms: number) => ({ sentMs: ms, answeredMs: ms });
  expect(watch.see("a", 1, at(0))).toBe(false);
  expect(watch.see("a", 1, at(99))).toBe(false);
  expect(watch.see("a", 1, at(100))).toBe(true);
  expect(watch.isStale("a")).toBe(true);
  expect(watch.see("a", 2, at(150))).toBe(false);
  expect(watch.see("a", 2, at(250))).toBe(true);
  watch.keepOnly(new Set());
  expect(watch.isStale("a")).toBe(false);
  expect(watch.see("a", 2, at(400))).toBe(false);
});

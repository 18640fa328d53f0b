import { expect, it } from "vitest";
import { createStandingClock } from "./standing-clock.ts";

it("stands still over a sleep that was announced, and over no other jump", () => {
  let realMs = 1_000;
  const clock = createStandingClock(() => realMs);
  realMs += 5_000;
  expect(clock.monotonicMs()).toBe(6_000);
  clock.expectSleep();
  realMs += 900;
  expect(clock.monotonicMs()).toBe(6_900);
  realMs += 60_000;
  expect(clock.monotonicMs()).toBe(6_900);
  realMs += 60_000;
  expect(clock.monotonicMs()).toBe(66_900);
});

it("wakes no sleeper before its time has passed on this clock", async () => {
  let sleptMs = 0;
  const clock = createStandingClock(() => performance.now() + sleptMs);
  clock.expectSleep();
  const begunMs = clock.monotonicMs();
  const waking = clock.sleep(100);
  sleptMs = 60_000;
  await waking;
  expect(clock.monotonicMs() - begunMs).toBeGreaterThanOrEqual(100);
  expect(clock.monotonicMs() - begunMs).toBeLessThan(60_000);
});

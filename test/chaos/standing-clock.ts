/**
 * The clock of a machine that may be put to sleep: its monotonic time stands still meanwhile, as CLOCK_MONOTONIC does
 * while a virtual machine is paused or a laptop sleeps. SIGSTOP alone shows nothing of that: the clock runs on.
 *
 * A process can not know that it was stopped; it sees that its clock has jumped. Only a jump that was announced counts,
 * so that a busy machine is not taken for a sleeping one.
 */

import { type Clock, systemClock } from "../../src/runtime/clock.ts";

export interface StandingClock extends Clock {
  /** The next jump of more than a second is taken out of the clock. */
  expectSleep(): void;
}

const jumpMs = 1_000;
const lookEveryMs = 50;

export function createStandingClock(realMs: () => number = () => performance.now()): StandingClock {
  let stoodMs = 0;
  let seenMs = realMs();
  let isExpected = false;
  const look = (): number => {
    const nowMs = realMs();
    if (isExpected && nowMs - seenMs > jumpMs) {
      stoodMs += nowMs - seenMs;
      isExpected = false;
    }
    seenMs = nowMs;
    return nowMs - stoodMs;
  };
  setInterval(look, lookEveryMs).unref();
  return {
    ...systemClock,
    monotonicMs: look,
    async sleep(ms, signal) {
      const untilMs = look() + ms;
      // Timers run by the real clock: one that was due while the machine slept has slept too little.
      for (let left = ms; left > 0 && signal?.aborted !== true; left = untilMs - look()) {
        await systemClock.sleep(left, signal);
      }
    },
    expectSleep() {
      look();
      isExpected = true;
    },
  };
}

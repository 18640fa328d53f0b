/**
 * A clock that moves only when a test says so. No test waits for real time, and none passes because
 * the machine was quick.
 */

import type { Clock } from "../../src/runtime/clock.ts";

export interface ManualClock extends Clock {
  /**
   * Moves time on and wakes sleepers in the order in which they are due (those due together: in the
   * order in which they fell asleep). Between two of them everything that can run without time runs,
   * so a sleeper that sleeps again within `ms` is woken again. Resolves when all is quiet.
   */
  advance(ms: number): Promise<void>;
  /** Resolves once at least `count` sleepers wait for time. */
  untilSleeping(count: number): Promise<void>;
  /** How many wait now: a test that ends with 0 has leaked no timer. */
  readonly sleeping: number;
}

interface Sleeper {
  readonly dueMs: number;
  wake(): void;
}

/** @param startMs what `nowMs` says first, unix milliseconds; `monotonicMs` starts at 0 */
export function createManualClock(startMs = 1_700_000_000_000): ManualClock {
  let elapsedMs = 0;
  const sleepers = new Set<Sleeper>();
  const watchers = new Set<() => void>();

  /** A Set keeps the order of insertion, so of two that are due together the first to sleep wins. */
  const firstDue = (untilMs: number): Sleeper | undefined => {
    let first: Sleeper | undefined;
    for (const sleeper of sleepers) {
      if (sleeper.dueMs > untilMs) continue;
      if (first === undefined || sleeper.dueMs < first.dueMs) first = sleeper;
    }
    return first;
  };

  return {
    turn: () => Promise.resolve(),
    nowMs: () => startMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    get sleeping() {
      return sleepers.size;
    },
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true || ms <= 0) return resolve();
        const wake = (): void => {
          sleepers.delete(sleeper);
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        const sleeper: Sleeper = { dueMs: elapsedMs + ms, wake };
        signal?.addEventListener("abort", wake, { once: true });
        sleepers.add(sleeper);
        for (const watcher of watchers) watcher();
      }),
    async advance(ms) {
      const untilMs = elapsedMs + ms;
      await settle();
      for (let next = firstDue(untilMs); next !== undefined; next = firstDue(untilMs)) {
        elapsedMs = next.dueMs;
        next.wake();
        await settle();
      }
      elapsedMs = untilMs;
    },
    untilSleeping: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (sleepers.size < count) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      }),
  };
}

/** Runs every promise reaction that is due: a macrotask comes after all microtasks. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * The timers of one piece of code, told by their delays. `vi.getTimerCount()` counts what the whole
 * process has set, and unit tests share processes: what an earlier file's sockets or sleepers set
 * while a test's fake timers stand is counted, too.
 */

import { vi } from "vitest";

/** How many timers with one of the delays are set and not cleared. Call it after useFakeTimers. */
export function watchTimers(...delaysMs: readonly number[]): {
  readonly begun: () => number;
  readonly open: () => number;
} {
  const all = new Set<unknown>();
  const open = new Set<unknown>();
  const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
  const noted =
    <Set extends (run: () => void, delayMs?: number) => unknown>(set: Set) =>
    (run: () => void, delayMs?: number): unknown => {
      const timer = set(run, delayMs);
      if (delaysMs.includes(delayMs ?? 0)) for (const timers of [all, open]) timers.add(timer);
      return timer;
    };
  const forgotten =
    (clear: typeof clearTimeout): typeof clearTimeout =>
    (timer) => {
      open.delete(timer);
      clear(timer);
    };
  vi.stubGlobal("setTimeout", noted(setTimeout));
  vi.stubGlobal("setInterval", noted(setInterval));
  vi.stubGlobal("clearTimeout", forgotten(clearTimeout));
  vi.stubGlobal("clearInterval", forgotten(clearInterval));
  return { begun: () => all.size, open: () => open.size };
}

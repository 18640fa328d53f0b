/**
 * Waiting that counts only the time in which this process ran: a process that was stopped meanwhile
 * (SIGSTOP, a suspended machine) does not find the whole time gone when it continues, as what it
 * waits for may have been stopped with it.
 */

import { limits } from "../contract/limits.ts";
import type { Clock } from "./clock.ts";
import { type late, waitWhile } from "./deadline.ts";

/** Sleeps `ms`, in slices: being stopped costs at most one of them. */
export async function sleepRunning(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  for (let slice = 0; slice < limits.sleepSlices && !signal.aborted; slice += 1) {
    await clock.sleep(ms / limits.sleepSlices, signal);
  }
}

/**
 * The work's result, or `late` when the time is over or the signal aborts first. The work
 * continues; its failure after that is ignored.
 */
export function waitRunningAtMost<Value>(
  clock: Clock,
  ms: number,
  work: { readonly promise: Promise<Value>; readonly signal?: AbortSignal | undefined },
): Promise<Value | typeof late> {
  const { promise, signal } = work;
  return waitWhile((over) => {
    const until = signal === undefined ? over : AbortSignal.any([signal, over]);
    return sleepRunning(clock, ms, until);
  }, promise);
}

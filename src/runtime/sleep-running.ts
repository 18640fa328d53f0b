/** Waiting for something that should have happened while this process was awake. */

import type { Clock } from "./clock.ts";

const slices = 10;

/**
 * Sleeps `ms` in slices, so that a process that was stopped meanwhile (SIGSTOP, a suspended
 * machine) does not find the whole time gone when it continues: what it waits for may have been
 * stopped with it.
 */
export async function sleepRunning(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  for (let slice = 0; slice < slices && !signal.aborted; slice += 1) {
    await clock.sleep(ms / slices, signal);
  }
}

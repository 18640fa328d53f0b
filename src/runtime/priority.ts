/** How much of a contended CPU a thread asks for. */

import { getPriority, setPriority } from "node:os";

/**
 * Lets everything else go first, by `niceness` steps. On Linux this is the calling thread's alone,
 * and threads that it starts from then on inherit it; elsewhere the process's. Where it is not
 * permitted the thread merely does not yield.
 */
export function yieldBy(niceness: number): void {
  if (niceness === 0) return;
  try {
    setPriority(getPriority() + niceness);
  } catch {
    // Not permitted here.
  }
}

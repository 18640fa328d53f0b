/** What "long ago" means to a step that removes something for good. */

import type { MergePorts } from "../context.ts";

/**
 * The earlier of two clocks: the log's, by which records are stamped, and this worker's. A worker that is three days
 * ahead would purge the whole replay window, one that is 90 s ahead would delete under an owner that lags (CS2); and a
 * server whose clock was set forward does neither as long as the worker's is right.
 * @throws FreshetError log_unavailable
 */
export async function logNowMs({ log, clock }: MergePorts): Promise<number> {
  return Math.min(await log.nowMs(), clock.nowMs());
}

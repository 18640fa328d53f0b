/** How long the adapter waits before it asks again: one back-off for every request. Pure. */

import { limits } from "../../contract/limits.ts";
import { backoffMs } from "../../runtime/backoff.ts";

const pauses = { backoffMinMs: limits.readRetryMinMs, backoffMaxMs: limits.readRetryMaxMs };
/** Short ones: servers that start together with this process are there in a moment. */
const openingPauses = { ...pauses, backoffMaxMs: 4 * limits.readRetryMinMs };

/** Milliseconds to wait after the n-th attempt that failed, from 1. */
export function retryPauseMs(attempt: number): number {
  return backoffMs(pauses, attempt - 1);
}

/** The same while a log is opened. */
export function openingPauseMs(attempt: number): number {
  return backoffMs(openingPauses, attempt - 1);
}

/** Waiting for work that continues after its caller has gone. */

import { FreshetError } from "../contract/errors.ts";

/**
 * The work's result, unless the signal aborts first: then the caller has gone, and the result is
 * dropped.
 */
export function raceAbort<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(new FreshetError("cancelled"));
    const settled = (): void => signal.removeEventListener("abort", aborted);
    if (signal.aborted) aborted();
    else signal.addEventListener("abort", aborted, { once: true });
    work.then(
      (value) => {
        settled();
        resolve(value);
      },
      (thrown: Error) => {
        settled();
        reject(thrown);
      },
    );
  });
}

/** The tenant's events from now on, over streams that break and engines that start again. */

import { ApiError, events } from "./api.js";

const againMs = 2_000;

/** Where the log does not hold what comes next any more, or is another log: from now on, then. */
const lostPlace = new Set(["events_expired", "invalid_request"]);

/**
 * Without a gap: the stream says where it begins before its first event, so one that breaks before
 * that goes on from there, not from the moment at which it is open again.
 * @param {{ readonly signal: AbortSignal, readonly listening: () => void,
 *   readonly failed: (thrown: unknown) => void }} options
 * @returns {AsyncGenerator<any>}
 */
export async function* live({ signal, listening, failed }) {
  /** @type {string | undefined} */
  let after;
  while (!signal.aborted) {
    try {
      listening();
      const path = after === undefined ? "/v1/events" : `/v1/events?after=${after}`;
      for await (const { id, event, data } of events(path, { signal })) {
        if (event === "failed") throw new ApiError(data.error.code, data.error.message);
        after = id ?? after;
        if (data !== undefined) yield data;
      }
    } catch (thrown) {
      if (signal.aborted) return;
      if (thrown instanceof ApiError && lostPlace.has(thrown.code)) after = undefined;
      failed(thrown);
    }
    await new Promise((resolve) => setTimeout(resolve, againMs));
  }
}

/** Endless reads that outlive their connection. */

import { FreshetError } from "../../contract/errors.ts";
import type { NatsContext } from "./connection.ts";
import { isClientCutOff, logError } from "./errors.ts";
import { retryPauseMs } from "./pauses.ts";

/** Some seconds: a leader that moves, or a server that starts, is faster. */
const failuresUntold = 7;

/**
 * Reads by `once` again and again until the signal aborts; `once` continues where it stopped. Only
 * an unavailable log is tried again: any other failure would be the same the next time.
 * @throws FreshetError log_identity, internal; log_unavailable when the connection was closed for
 * good
 */
export async function* retryReads<Item>(
  context: NatsContext,
  signal: AbortSignal,
  once: () => AsyncGenerator<Item>,
): AsyncGenerator<Item> {
  let failures = 0;
  while (!signal.aborted && !context.connection.isClosed()) {
    let reason = "it ended";
    let isCutOff = false;
    failures += 1;
    try {
      for await (const item of once()) {
        failures = 0;
        yield item;
      }
    } catch (thrown) {
      const error = logError(thrown);
      if (error.code !== "log_unavailable") throw error;
      reason = error.message;
      // The connection itself says that it is lost.
      isCutOff = isClientCutOff(error.cause);
      failures = Math.max(failures, 1);
    }
    if (failures === 0) continue;
    // Also one that ended by itself with nothing: begun again at once it would be a loop without a
    // turn for anything else.
    const pauseMs = retryPauseMs(failures);
    context.logger.debug({ reason, pauseMs }, "a read of the log starts again");
    // One that never succeeds is a node that learns of nothing new: somebody must hear of it.
    if (failures === failuresUntold && !isCutOff) {
      context.logger.warn({ reason }, "the log cannot be read, trying again");
    }
    await context.clock.sleep(pauseMs, signal);
  }
  // A read without end that ended by itself would look like a log without news.
  if (!signal.aborted)
    throw new FreshetError("log_unavailable", "the connection to nats is closed");
}

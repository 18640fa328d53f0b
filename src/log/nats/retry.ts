/** Endless reads outlive their connection. */

import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";
import type { NatsContext } from "./connection.ts";
import { logError } from "./errors.ts";

/**
 * Reads by `once` again and again until the signal aborts; `once` goes on where it stopped. Only an
 * unavailable log is tried again: any other failure would be the same the next time.
 * @throws FreshetError log_identity, internal; log_unavailable when the connection was closed for good
 */
export async function* retryReads<Item>(
  context: NatsContext,
  signal: AbortSignal,
  once: () => AsyncGenerator<Item>,
): AsyncGenerator<Item> {
  let pauseMs: number = limits.readRetryMinMs;
  while (!signal.aborted && !context.connection.isClosed()) {
    try {
      for await (const item of once()) {
        pauseMs = limits.readRetryMinMs;
        yield item;
      }
    } catch (thrown) {
      const error = logError(thrown);
      if (error.code !== "log_unavailable") throw error;
      context.logger.debug({ reason: error.message, pauseMs }, "a read of the log starts again");
      await context.clock.sleep(pauseMs, signal);
      pauseMs = Math.min(pauseMs * 2, limits.readRetryMaxMs);
    }
  }
  // A read without end that ended by itself would look like a log without news.
  if (!signal.aborted)
    throw new FreshetError("log_unavailable", "the connection to nats is closed");
}

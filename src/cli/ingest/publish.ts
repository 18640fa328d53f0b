/** One publish of an import, tried again while the log is full or away. */

import { FreshetError } from "../../contract/errors.ts";
import type { PublishResult } from "../../contract/events.ts";
import { limits } from "../../contract/limits.ts";
import { backoffMs } from "../../runtime/backoff.ts";
import type { Clock } from "../../runtime/clock.ts";

export interface PatientOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called whenever a publish is refused for now and will be tried again. */
  readonly onWaiting?: ((error: FreshetError) => void) | undefined;
}

/**
 * A log that is full or away for a moment is waited for, because an import has time; the message id
 * makes the repetition safe. The wait ends well inside the duplicate window.
 */
export async function publishWithRetries(
  { clock, signal, onWaiting }: PatientOptions,
  publish: () => Promise<PublishResult>,
): Promise<PublishResult> {
  const giveUpMs = clock.monotonicMs() + limits.duplicateWindowMs / 4;
  const bounds = { backoffMinMs: limits.ingestRetryMinMs, backoffMaxMs: limits.ingestRetryMaxMs };
  for (let retries = 0; ; retries += 1) {
    try {
      return await publish();
    } catch (error) {
      const retry = error instanceof FreshetError && error.retryable;
      if (!retry || signal.aborted || clock.monotonicMs() > giveUpMs) throw error;
      onWaiting?.(error);
      await clock.sleep(backoffMs(bounds, retries), signal);
    }
  }
}

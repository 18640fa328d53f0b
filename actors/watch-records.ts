import { toFreshetError } from "../src/contract/errors.ts";
import type { Logger } from "../src/contract/observation.ts";
import type { ActorContext } from "../src/runtime/actor.ts";
import { Repeated } from "../src/runtime/repeated.ts";

export interface RecordWatch<Stored> {
  /** What is watched, in the plural, for the log. */
  readonly records: string;
  /** Yields the current records first, then each change. */
  readonly watch: (signal: AbortSignal) => AsyncIterable<Stored>;
  readonly heard: (stored: Stored, signal: AbortSignal) => void | Promise<void>;
  readonly retryMs: number;
  readonly logger: Logger;
}

/**
 * Hears stored records and their changes as long as an actor lives. A watch that breaks is opened
 * again after `retryMs`, and the current records come first, so that no change is missed.
 */
export async function watchRecords<Stored>(
  { records, watch, heard, retryMs, logger }: RecordWatch<Stored>,
  { signal, clock }: Pick<ActorContext<never>, "signal" | "clock">,
): Promise<void> {
  const failures = new Repeated(clock);
  while (!signal.aborted) {
    try {
      for await (const stored of watch(signal)) await heard(stored, signal);
    } catch (thrown) {
      const { code } = toFreshetError(thrown);
      // It is opened ten times a second: a log that is another one stays so for hours.
      if (failures.isNews(code)) logger.warn({ code }, `the watch on ${records} broke`);
    }
    await clock.sleep(retryMs, signal);
  }
}

import type { Logger } from "../contract/observation.ts";
import type { Clock } from "../runtime/clock.ts";

/** A part that takes longer is named: what kills a stop that takes too long sees only the whole. */
const longMs = 1_000;

/** What was started, to be stopped in the reverse order, also when a later start fails. */
export class Stack {
  readonly #stops: { readonly name: string; readonly stop: () => Promise<unknown> | unknown }[] =
    [];

  push<Value>(
    name: string,
    value: Value,
    stop: (value: Value) => Promise<unknown> | unknown,
  ): Value {
    this.#stops.push({ name, stop: () => stop(value) });
    return value;
  }

  /** Every part gets its chance; the first failure is thrown when all have had it. */
  async unwind({ logger, clock }: { logger: Logger; clock: Clock }): Promise<void> {
    const failures: unknown[] = [];
    for (const { name, stop } of this.#stops.splice(0).reverse()) {
      const beganMs = clock.monotonicMs();
      try {
        await stop();
      } catch (thrown) {
        logger.error({ part: name, err: thrown }, "a part would not stop");
        failures.push(thrown);
      }
      const ms = Math.round(clock.monotonicMs() - beganMs);
      if (ms >= longMs) logger.warn({ part: name, ms }, "a part took long to stop");
    }
    if (failures.length > 0) throw failures[0];
  }
}

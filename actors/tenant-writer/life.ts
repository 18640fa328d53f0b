/** What the parts of one life of a tenant writer share: clock, end, retries, standing down. */

import { toFreshetError } from "../../src/contract/errors.ts";
import type { Epoch, TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Logger, Metrics } from "../../src/contract/observation.ts";
import { backoffMs } from "../../src/runtime/backoff.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { late, waitWhile } from "../../src/runtime/deadline.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import type { FencedMessage } from "../messages.ts";

export interface LifeOptions {
  readonly tenant: TenantId;
  /** Ends the tenure when a newer owner has written. */
  readonly partition: Pick<Mailbox<FencedMessage>, "put">;
  readonly limits: {
    readonly backoff: { readonly backoffMinMs: number; readonly backoffMaxMs: number };
  };
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export class WriterLife {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly #options: LifeOptions;

  constructor(
    options: LifeOptions,
    { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  ) {
    this.#options = options;
    this.clock = clock;
    this.signal = signal;
  }

  /**
   * T5: repeats while the error is transient; undefined when this life ends first. What is under
   * way then has `publishAckMs` more to tell its outcome, and is left as a kill leaves it: a log
   * that says nothing holds up no stop.
   */
  async stalling<Value>(what: string, work: () => Promise<Value>): Promise<Value | undefined> {
    for (let repetition = 0; !this.signal.aborted; repetition += 1) {
      try {
        const done = await waitWhile((settled) => this.#lastWord(settled), work());
        return done === late ? undefined : done;
      } catch (thrown) {
        const error = toFreshetError(thrown);
        if (!error.retryable) throw error;
        const { tenant, logger, limits: bounds } = this.#options;
        const { code, message: cause } = error;
        logger.warn({ tenant, what, code, cause, repetition }, "stalled, trying again");
        await this.clock.sleep(backoffMs(bounds.backoff, repetition), this.signal);
      }
    }
    return undefined;
  }

  #lastWord(settled: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const ended = (): void => {
        void this.clock.sleep(limits.publishAckMs, settled).then(resolve);
      };
      if (this.signal.aborted) return ended();
      this.signal.addEventListener("abort", ended, { once: true, signal: settled });
      settled.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** A newer owner has written (I6). */
  standDown(by: Epoch): undefined {
    this.#options.metrics.count("appends_refused_total", { reason: "fenced" });
    void this.#options.partition.put({ type: "fenced", epoch: by });
    return undefined;
  }
}

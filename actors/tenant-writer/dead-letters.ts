/**
 * Writes a tenant's dead letters beside its commits.
 *
 * Owns: the dead letters that wait for their stream.
 * Never: delays a commit or a recovery: the reject record has decided, and the dead letter only
 * tells of it (I9).
 *
 *   TL1  dead letters are written in the order in which they came, each until it is stored or this
 *        life ends;
 *   TL2  at most `deadLettersWaitingMax` wait; the others are left to the merge that passes their
 *        records, as are all that still wait when this life ends above the watermark: recovery
 *        brings them again;
 *   TL3  the tenant keeps no more than its share of the stream, its newest dead letters (I11).
 */

import { toFreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import type { Logger, Metrics } from "../../src/contract/observation.ts";
import { isTakenLater } from "../../src/log/dead-letter.ts";
import type { DeadLetter } from "../../src/log/dead-letter-port.ts";
import type { Log } from "../../src/log/port.ts";
import { backoffMs } from "../../src/runtime/backoff.ts";
import { BoundedMailbox } from "../../src/runtime/mailbox.ts";
import type { WriterLife } from "./life.ts";

export interface DeadLetterOptions {
  readonly tenant: TenantId;
  readonly log: Pick<Log, "deadLetters">;
  readonly limits: {
    readonly deadLettersWaitingMax: number;
    readonly deadLetterRetryMaxMs: number;
    readonly backoff: { readonly backoffMinMs: number };
  };
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Dead letters between two trims to the tenant's share, which it may exceed by so many. */
const trimEvery = 128;

export class DeadLetterWriter {
  readonly #options: DeadLetterOptions;
  readonly #life: Pick<WriterLife, "clock" | "signal">;
  readonly #waiting: BoundedMailbox<DeadLetter>;
  #sinceTrim = 0;

  constructor(options: DeadLetterOptions, life: Pick<WriterLife, "clock" | "signal">) {
    this.#options = options;
    this.#life = life;
    this.#waiting = new BoundedMailbox(options.limits.deadLettersWaitingMax);
  }

  /** Returns at once. */
  add(deadLetter: DeadLetter): void {
    if (this.#waiting.tryPut(deadLetter)) return;
    const { metrics, tenant } = this.#options;
    metrics.count("dead_letters_deferred_total", { tenant });
  }

  async writeAll(): Promise<void> {
    const { signal } = this.#life;
    for (;;) {
      const deadLetter = await this.#waiting.take(signal);
      if (deadLetter === undefined) return;
      await this.#write(deadLetter);
    }
  }

  async #write(deadLetter: DeadLetter): Promise<void> {
    const { log, limits, logger } = this.#options;
    const { clock, signal } = this.#life;
    const { tenant, version } = deadLetter;
    const { backoffMinMs } = limits.backoff;
    const bounds = { backoffMinMs, backoffMaxMs: limits.deadLetterRetryMaxMs };
    for (let repetition = 0; !signal.aborted; repetition += 1) {
      try {
        await log.deadLetters.publish(deadLetter);
        return await this.#trimSometimes();
      } catch (thrown) {
        const error = toFreshetError(thrown);
        const { code, message: cause } = error;
        const fields = { tenant, version, code, cause };
        if (repetition === 0) logger.warn(fields, "a dead letter could not be written");
        if (!isTakenLater(error)) return;
        if (code === "overloaded") await this.#trim();
        await clock.sleep(backoffMs(bounds, repetition), signal);
      }
    }
  }

  async #trimSometimes(): Promise<void> {
    this.#sinceTrim += 1;
    if (this.#sinceTrim >= trimEvery) await this.#trim();
  }

  /** TL3. A trim that fails is tried again with later dead letters. */
  async #trim(): Promise<void> {
    const { log, tenant, metrics } = this.#options;
    const trimmed = await log.deadLetters.trim(tenant).catch(() => 0);
    this.#sinceTrim = 0;
    if (trimmed > 0) metrics.count("purged_total", { stream: "DLQ" }, trimmed);
  }
}

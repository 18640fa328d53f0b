/**
 * `max_staleness_ms`: whether what is visible holds every operation that was acknowledged longer
 * before the question than it allows.
 *
 * Owns: what the log said when the question came. Never: believes this process's clock, or an
 * answer of the log to an earlier question; a paused process would find both fresh.
 *
 *   QW1  the log's leader is asked for the tenant's newest operation after the question came, so
 *        what was acknowledged before lies at or below it;
 *   QW2  only the age of the oldest missing operation counts: later ones are younger. Both its
 *        stamp and the time it is compared with are of the log's clock; one that lies ahead of that
 *        clock counts as old, because such a clock was set back;
 *   QW3  no time at all (`max_staleness_ms: 0`) compares no clocks.
 */

import { FreshetError } from "../../src/contract/errors.ts";
import { noVersion, type TenantId, type Version } from "../../src/contract/ids.ts";
import type { Log } from "../../src/log/port.ts";

/** An operation that has to be visible before the question is answered. */
export interface MissingOperation {
  readonly version: Version;
  /** How long ago it was stored when the question came; undefined where that was not asked. */
  readonly lagMs?: number | undefined;
}

interface FreshnessAsked {
  readonly tenant: TenantId;
  readonly maxStalenessMs: number;
}

export class Freshness {
  readonly #log: Pick<Log, "docs" | "nowMs">;
  readonly #asked: FreshnessAsked;
  /** The tenant's newest operation when the question came. */
  readonly newest: Version;
  /** A time after that. */
  #nowMs: number | undefined;

  private constructor(log: Pick<Log, "docs" | "nowMs">, asked: FreshnessAsked, newest: Version) {
    this.#log = log;
    this.#asked = asked;
    this.newest = newest;
  }

  /** QW1. @throws FreshetError log_unavailable */
  static async of(log: Pick<Log, "docs" | "nowMs">, asked: FreshnessAsked): Promise<Freshness> {
    return new Freshness(log, asked, await log.docs.lastVersion(asked.tenant));
  }

  /** What has to be waited for; undefined when nothing has. @throws FreshetError log_unavailable */
  async missing(visible: Version): Promise<MissingOperation | undefined> {
    const { tenant, maxStalenessMs } = this.#asked;
    if (visible >= this.newest) return undefined;
    if (maxStalenessMs === 0) return { version: this.newest };
    this.#nowMs ??= await this.#log.nowMs();
    const asked = { tenant, after: visible, max: 1, bytesMax: 1 };
    const [oldest] = await this.#log.docs.readTenant(asked);
    // It is there, and the log does not show it: nothing proves that it is young.
    if (oldest === undefined) return { version: this.newest };
    if (oldest.version > this.newest) return undefined;
    // Both times are cut to milliseconds: the age may be one more.
    const lagMs = this.#nowMs + 1 - oldest.atMs;
    const isYoung = lagMs > 0 && lagMs <= maxStalenessMs;
    return isYoung ? undefined : { version: oldest.version, lagMs };
  }

  /** What the question fails with while an operation is missing. */
  tooStale({ version, lagMs }: MissingOperation, visible: number = noVersion): FreshetError {
    const { maxStalenessMs } = this.#asked;
    const details = {
      max_staleness_ms: maxStalenessMs,
      ...(lagMs === undefined ? {} : { lag_ms: lagMs }),
      missing_seq: version,
      visible_seq: visible,
    };
    return new FreshetError("too_stale", undefined, { details });
  }
}

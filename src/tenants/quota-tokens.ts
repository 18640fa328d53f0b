/**
 * Tokens of the language model in a day of UTC, of a tenant and of its credentials.
 *
 * Owns: the counts of this node. Never: lets a log that is away refuse or hold up an answer.
 *
 *   QD1  counts only grow within a day, so the larger of two is the newer: what this node counted
 *        and what an earlier owner stored are joined by that;
 *   QD2  where a limit holds, counts are stored at most `usageStoreEveryMs` after they changed: an
 *        owner that dies forgets no more.
 */

import type { TenantId } from "../contract/ids.ts";
import { dayMs } from "../contract/limits/units.ts";
import { limits } from "../contract/limits.ts";
import type { DayTokens, QuotaUser, TokenJournal } from "../contract/quota.ts";
import type { Clock } from "../runtime/clock.ts";

export interface TokenCountsOptions {
  readonly clock: Clock;
  /** Undefined where nothing outlives the process. */
  readonly journal: TokenJournal | undefined;
}

interface Counts {
  day: number;
  tenant: number;
  readonly credentials: Map<string, number>;
  readAtMs: number;
  /** A store that waits for its time. */
  storing: boolean;
}

export class TokenCounts {
  readonly #options: TokenCountsOptions;
  readonly #tenants = new Map<TenantId, Counts>();
  readonly #closed = new AbortController();

  constructor(options: TokenCountsOptions) {
    this.#options = options;
  }

  /** What was used today, earlier owners' use included (QD1). */
  async today({ tenant, credential }: QuotaUser): Promise<{ tenant: number; credential: number }> {
    await this.#join(tenant, this.#today(tenant));
    const counts = this.#today(tenant);
    const own = credential === undefined ? undefined : counts.credentials.get(credential);
    return { tenant: counts.tenant, credential: own ?? 0 };
  }

  /** @param isLimited QD2 */
  add({ tenant, credential }: QuotaUser, tokens: number, isLimited: boolean): void {
    const counts = this.#today(tenant);
    counts.tenant += tokens;
    const own = credential === undefined ? undefined : counts.credentials.get(credential);
    const isKnown = own !== undefined || counts.credentials.size < limits.tokenCredentialsMax;
    if (credential !== undefined && isKnown) {
      counts.credentials.set(credential, (own ?? 0) + tokens);
    }
    if (isLimited) void this.#storeLater(tenant, counts);
  }

  /** Stores what waits for it, once. */
  async close(): Promise<void> {
    this.#closed.abort();
    const waiting = [...this.#tenants].filter(([, { storing }]) => storing);
    await Promise.all(waiting.map(([tenant, counts]) => this.#store(tenant, counts)));
  }

  #today(tenant: TenantId): Counts {
    const day = Math.floor(this.#options.clock.nowMs() / dayMs);
    const known = this.#tenants.get(tenant);
    if (known !== undefined && known.day >= day) return known;
    const readAtMs = Number.NEGATIVE_INFINITY;
    const made = { day, tenant: 0, credentials: new Map(), readAtMs, storing: false };
    this.#tenants.set(tenant, made);
    return made;
  }

  /** An owner in between may have counted: a look that is older than a store is repeated. */
  async #join(tenant: TenantId, counts: Counts): Promise<void> {
    const { clock, journal } = this.#options;
    const nowMs = clock.monotonicMs();
    if (journal === undefined || nowMs - counts.readAtMs < limits.usageStoreEveryMs) return;
    counts.readAtMs = nowMs;
    const stored = await journal.get(tenant).catch(() => null);
    if (stored?.day === counts.day) join(counts, stored);
  }

  async #storeLater(tenant: TenantId, counts: Counts): Promise<void> {
    if (counts.storing || this.#options.journal === undefined) return;
    counts.storing = true;
    await this.#options.clock.sleep(limits.usageStoreEveryMs, this.#closed.signal);
    if (!this.#closed.signal.aborted) await this.#store(tenant, counts);
  }

  /** A log that is away gets it with the next use. */
  async #store(tenant: TenantId, counts: Counts): Promise<void> {
    const { journal } = this.#options;
    counts.storing = false;
    try {
      const stored = await journal?.get(tenant);
      if (stored?.day === counts.day) join(counts, stored);
      const credentials = Object.fromEntries(counts.credentials);
      await journal?.put(tenant, { day: counts.day, tenant: counts.tenant, credentials });
    } catch {
      // QD2 is a bound for an owner that dies while the log is there.
    }
  }
}

/** QD1. */
function join(counts: Counts, stored: DayTokens): void {
  counts.tenant = Math.max(counts.tenant, stored.tenant);
  for (const [credential, tokens] of Object.entries(stored.credentials)) {
    const own = counts.credentials.get(credential) ?? 0;
    counts.credentials.set(credential, Math.max(own, tokens));
  }
}

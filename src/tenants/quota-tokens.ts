/**
 * Tokens and time of language models in a day of UTC, of a tenant and of its credentials.
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
import type { DayTokens, ModelAmounts, QuotaUser, TokenJournal } from "../contract/quota.ts";
import type { Clock } from "../runtime/clock.ts";

export interface TokenCountsOptions {
  readonly clock: Clock;
  /** Undefined where nothing outlives the process. */
  readonly journal: TokenJournal | undefined;
}

interface Today {
  readonly tenant: ModelAmounts;
  readonly credential: ModelAmounts;
}

interface Counts {
  day: number;
  tenant: ModelAmounts;
  readonly credentials: Map<string, ModelAmounts>;
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
  async today({ tenant, credential }: QuotaUser): Promise<Today> {
    await this.#join(tenant, this.#today(tenant));
    const counts = this.#today(tenant);
    const own = credential === undefined ? undefined : counts.credentials.get(credential);
    return { tenant: counts.tenant, credential: own ?? nothing };
  }

  /** @param isLimited QD2 */
  add({ tenant, credential }: QuotaUser, used: ModelAmounts, isLimited: boolean): void {
    const counts = this.#today(tenant);
    counts.tenant = sum(counts.tenant, used);
    const own = credential === undefined ? undefined : counts.credentials.get(credential);
    const isKnown = own !== undefined || counts.credentials.size < limits.tokenCredentialsMax;
    if (credential !== undefined && isKnown) {
      counts.credentials.set(credential, sum(own ?? nothing, used));
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
    // A clock that is set back over midnight takes nothing back; one that ran days ahead was wrong.
    if (known !== undefined && (known.day === day || known.day === day + 1)) return known;
    const readAtMs = Number.NEGATIVE_INFINITY;
    const made = { day, tenant: nothing, credentials: new Map(), readAtMs, storing: false };
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
      // With what a later Freshet keeps beside them.
      await journal?.put(tenant, { ...stored, ...storedOf(counts) });
    } catch {
      // QD2 is a bound for an owner that dies while the log is there.
    }
  }
}

/** QD1. */
function join(counts: Counts, stored: DayTokens): void {
  const { tenant: tokens, tenant_ms: ms = 0, credentials_ms: times = {} } = stored;
  counts.tenant = larger(counts.tenant, { tokens, ms });
  for (const [credential, own] of Object.entries(stored.credentials)) {
    const known = counts.credentials.get(credential) ?? nothing;
    const before = { tokens: own, ms: times[credential] ?? 0 };
    counts.credentials.set(credential, larger(known, before));
  }
}

function storedOf({ day, tenant, credentials }: Counts): DayTokens {
  const each = [...credentials];
  return {
    ...{ day, tenant: tenant.tokens, tenant_ms: tenant.ms },
    credentials: Object.fromEntries(each.map(([name, { tokens }]) => [name, tokens])),
    credentials_ms: Object.fromEntries(each.map(([name, { ms }]) => [name, ms])),
  };
}

const nothing: ModelAmounts = { tokens: 0, ms: 0 };

function sum(a: ModelAmounts, b: ModelAmounts): ModelAmounts {
  return { tokens: a.tokens + Math.ceil(b.tokens), ms: a.ms + Math.ceil(b.ms) };
}

function larger(a: ModelAmounts, b: ModelAmounts): ModelAmounts {
  return { tokens: Math.max(a.tokens, b.tokens), ms: Math.max(a.ms, b.ms) };
}

/**
 * What tenants and their credentials may use of language models: tokens and seconds in a day of
 * UTC, and questions at a time.
 *
 * Owns: the counts of the day, and how many questions are under way. Never: cuts an answer short
 * because its tokens ran out under way; the next one is refused.
 *
 *   QL1  a question is admitted once, however often it asks a model, and its turn is given back
 *        once;
 *   QL2  of a tenant, and of each of its credentials, never more questions are under way than may
 *        be.
 */

import type { Metrics } from "../contract/observation.ts";
import type { ModelAmounts, ModelTurn, Quota, QuotaName, QuotaUser } from "../contract/quota.ts";
import type { QuotaSource } from "./quota-file.ts";
import { TokenCounts, type TokenCountsOptions } from "./quota-tokens.ts";

export interface ModelQuotasOptions extends TokenCountsOptions {
  readonly source: QuotaSource;
  readonly metrics: Pick<Metrics, "count">;
}

/** One quota that somebody has. */
interface Bound {
  readonly of: "tenant" | "credential";
  readonly quota: Quota;
  /** Of whose questions are under way. */
  readonly key: string;
}

const perDay = {
  model_tokens_per_day: ({ tokens }: ModelAmounts) => tokens,
  model_seconds_per_day: ({ ms }: ModelAmounts) => ms / 1000,
} as const;

export class ModelQuotas {
  readonly #options: ModelQuotasOptions;
  readonly #counts: TokenCounts;
  /** Only of those that are above zero. */
  readonly #underWay = new Map<string, number>();

  constructor(options: ModelQuotasOptions) {
    this.#options = options;
    this.#counts = new TokenCounts(options);
  }

  close(): Promise<void> {
    return this.#counts.close();
  }

  /** Undefined where a quota does not let it (QL1). */
  async admit(user: QuotaUser): Promise<ModelTurn | undefined> {
    const bounds = this.#boundsOf(user);
    const isLimited = bounds.some(({ quota }) => isLimitedByDay(quota));
    const today = isLimited ? await this.#counts.today(user) : undefined;
    const refusedBy =
      today && bounds.map(({ of, quota }) => usedUp(quota, today[of])).find(Boolean);
    if (refusedBy !== undefined) return this.#refuse(user, refusedBy);
    if (bounds.some((bound) => this.#isFull(bound))) {
      return this.#refuse(user, "model_questions_at_once");
    }
    for (const { key } of bounds) this.#change(key, 1);
    let isEnded = false;
    return {
      used: (call) => this.#used(user, call, isLimited),
      end: () => {
        if (isEnded) return;
        isEnded = true;
        for (const { key } of bounds) this.#change(key, -1);
      },
    };
  }

  /** Of a tenant: what it used, and what is left of what is limited. */
  async useOf(
    tenant: QuotaUser["tenant"],
  ): Promise<{ readonly today: ModelAmounts; readonly left: Partial<Record<QuotaName, number>> }> {
    const { tenant: today } = await this.#counts.today({ tenant });
    const quota = this.#options.source.ofTenant(tenant);
    const byDay = Object.entries(perDay).flatMap(([name, usedOf]) => {
      const limit = quota[name as keyof typeof perDay];
      return limit === undefined ? [] : [[name, Math.max(0, limit - usedOf(today))] as const];
    });
    const { model_questions_at_once: atOnce } = quota;
    const running = this.#underWay.get(tenant) ?? 0;
    return {
      today,
      left: {
        ...Object.fromEntries(byDay),
        ...(atOnce === undefined ? {} : { model_questions_at_once: Math.max(0, atOnce - running) }),
      },
    };
  }

  #refuse({ tenant }: QuotaUser, quota: QuotaName): undefined {
    this.#options.metrics.count("quota_refused_total", { tenant, quota });
  }

  #used(user: QuotaUser, call: ModelAmounts, isLimited: boolean): void {
    const labels = { tenant: user.tenant };
    this.#options.metrics.count("model_tokens_total", labels, call.tokens);
    this.#options.metrics.count("model_seconds_total", labels, call.ms / 1000);
    this.#counts.add(user, call, isLimited);
  }

  /** QL2. */
  #isFull({ key, quota }: Bound): boolean {
    return (this.#underWay.get(key) ?? 0) >= (quota.model_questions_at_once ?? Infinity);
  }

  #change(key: string, by: 1 | -1): void {
    const next = (this.#underWay.get(key) ?? 0) + by;
    if (next > 0) this.#underWay.set(key, next);
    else this.#underWay.delete(key);
  }

  #boundsOf({ tenant, credential }: QuotaUser): readonly Bound[] {
    const { source } = this.#options;
    const own: Bound = { of: "tenant", quota: source.ofTenant(tenant), key: tenant };
    if (credential === undefined) return [own];
    const quota = source.ofCredential(credential);
    return [own, { of: "credential", quota, key: `${tenant}/${credential}` }];
  }
}

function isLimitedByDay(quota: Quota): boolean {
  return quota.model_tokens_per_day !== undefined || quota.model_seconds_per_day !== undefined;
}

function usedUp(quota: Quota, used: ModelAmounts): keyof typeof perDay | undefined {
  const names = Object.keys(perDay) as (keyof typeof perDay)[];
  return names.find((name) => perDay[name](used) >= (quota[name] ?? Infinity));
}

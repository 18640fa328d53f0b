/**
 * Quotas of a node: what its tenants and their credentials have used, against what the file of
 * quotas lets them.
 *
 * Owns: meters and counts, in bounded tables. Never: waits, except for a look into the journal of
 * tokens; knows a surface or a store.
 *
 *   QM1  an operation is charged once: over HTTP before it is stored, else when it comes out of the
 *        log. What HTTP has paid is the tenant's credit; which operation uses it makes no
 *        difference to the sum;
 *   QM2  what comes out of the log is never refused for its rate, since its publish was
 *        acknowledged (I1): it waits until it conforms, at most one operation ahead of the rate;
 *   QM3  a delete is neither charged nor refused, and waits for nothing;
 *   QM4  several quotas admit together or charge nothing.
 */

import type { FreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { Metrics } from "../contract/observation.ts";
import {
  type AnswerDefaults,
  type HeldAmounts,
  type ModelTurn,
  type Quota,
  type QuotaName,
  type QuotaRefusal,
  type Quotas,
  type QuotaUser,
  quotaBytesBurstMin,
  quotaExceeded,
  type TenantUse,
  type TokenJournal,
} from "../contract/quota.ts";
import type { Clock } from "../runtime/clock.ts";
import { charged, leftOf, type Meter, newMeter, type Rate, rateOf, waitMsOf } from "./quota.ts";
import type { QuotaSource } from "./quota-file.ts";
import { ModelQuotas } from "./quota-models.ts";
import { Window } from "./quota-window.ts";
import { Recent } from "./recent.ts";

export interface TenantQuotasOptions {
  readonly source: QuotaSource;
  readonly clock: Clock;
  readonly metrics: Pick<Metrics, "count">;
  readonly journal?: TokenJournal | undefined;
}

type RateName = "documents_per_second" | "bytes_per_second" | "questions_per_second";
type Amounts = Partial<Record<RateName, number>>;

/** The least that comes at once: one question, one document, and that as large as it may be. */
const burstMin: Readonly<Record<RateName, number>> = {
  documents_per_second: 1,
  bytes_per_second: quotaBytesBurstMin,
  questions_per_second: 1,
};

class Meters {
  readonly #meters: Partial<Record<RateName, Meter>> = {};

  of(name: RateName): Meter {
    return this.#meters[name] ?? newMeter;
  }

  set(name: RateName, meter: Meter): void {
    this.#meters[name] = meter;
  }
}

class TenantState {
  readonly meters = new Meters();
  readonly documents = new Window();
  readonly bytes = new Window();
  readonly questions = new Window();
  /** QM1: paid over HTTP, and not come out of the log yet. */
  credit = { documents: 0, bytes: 0, untilMs: Number.NEGATIVE_INFINITY };
}

/** One rate that something has to conform to. */
interface Check {
  readonly name: RateName;
  readonly of: QuotaRefusal["of"];
  readonly rate: Rate;
  readonly meters: Meters;
  readonly amount: number;
}

export class TenantQuotas implements Quotas {
  readonly #options: TenantQuotasOptions;
  readonly #tenants = new Recent<TenantId, TenantState>(limits.tenantsMax, () => new TenantState());
  readonly #credentials = new Recent<string, Meters>(
    limits.quotaCredentialsMax,
    () => new Meters(),
  );
  readonly #models: ModelQuotas;

  constructor(options: TenantQuotasOptions) {
    this.#options = options;
    this.#models = new ModelQuotas({ journal: undefined, ...options });
  }

  /** Stores what is counted. */
  close(): Promise<void> {
    return this.#models.close();
  }

  quotaOf(tenant: TenantId): Quota {
    return this.#options.source.ofTenant(tenant);
  }

  limitsPublishing({ tenant, credential }: QuotaUser): boolean {
    const own = this.quotaOf(tenant);
    const { stored_chunks, hot_bytes } = own;
    if (stored_chunks !== undefined || hot_bytes !== undefined) return true;
    const both = [
      own,
      credential === undefined ? {} : this.#options.source.ofCredential(credential),
    ];
    return both.some(
      (quota: Quota) =>
        quota.documents_per_second !== undefined || quota.bytes_per_second !== undefined,
    );
  }

  admitQuestion(user: QuotaUser): () => void {
    const { clock } = this.#options;
    const { questions } = this.#tenants.of(user.tenant);
    this.#admit(user, { questions_per_second: 1 });
    const atMs = clock.monotonicMs();
    questions.add(1, atMs);
    let isTakenBack = false;
    return () => {
      if (isTakenBack) return;
      isTakenBack = true;
      for (const check of this.#checksOf(user, { questions_per_second: 1 })) {
        charge({ ...check, amount: -check.amount }, clock.monotonicMs());
      }
      questions.takeBack(1, atMs);
    };
  }

  admitDocument(user: QuotaUser, bytes: number): void {
    this.#admit(user, { documents_per_second: 1, bytes_per_second: bytes });
    const nowMs = this.#options.clock.monotonicMs();
    const state = this.#tenants.of(user.tenant);
    const { documents, bytes: paid } = creditAt(state, nowMs);
    const untilMs = nowMs + limits.quotaCreditMs;
    state.credit = { documents: documents + 1, bytes: paid + bytes, untilMs };
  }

  takeIn(
    tenant: TenantId,
    { bytes, isDelete }: { readonly bytes: number; readonly isDelete: boolean },
  ): number {
    const { clock, metrics } = this.#options;
    const nowMs = clock.monotonicMs();
    const state = this.#tenants.of(tenant);
    state.documents.add(1, nowMs);
    state.bytes.add(bytes, nowMs);
    metrics.count("operation_bytes_total", { tenant }, bytes);
    if (isDelete) return 0;
    const unpaid = this.#useCredit(state, bytes, nowMs);
    const checks = this.#checksOf({ tenant }, unpaid);
    let waitMs = 0;
    for (const check of checks) {
      const at = { amount: check.amount, nowMs };
      waitMs = Math.max(waitMs, waitMsOf(check.rate, check.meters.of(check.name), at));
      charge(check, nowMs);
    }
    if (waitMs > 0) metrics.count("quota_delayed_seconds_total", { tenant }, waitMs / 1000);
    return waitMs;
  }

  refusalOfMore(tenant: TenantId, held: HeldAmounts): FreshetError | undefined {
    const { stored_chunks = Infinity, hot_bytes = Infinity } = this.quotaOf(tenant);
    const over: readonly [QuotaName, number][] = [
      ...(held.chunks >= stored_chunks ? [["stored_chunks", stored_chunks] as const] : []),
      ...(held.hotBytes >= hot_bytes ? [["hot_bytes", hot_bytes] as const] : []),
    ].map(([quota, limit]) => [quota, limit]);
    const [first] = over;
    if (first === undefined) return undefined;
    const [quota, limit] = first;
    this.#options.metrics.count("quota_refused_total", { tenant, quota });
    return quotaExceeded({ quota, of: "tenant", limit, retryAfterMs: limits.quotaRoomRetryMs });
  }

  admitModel(user: QuotaUser): Promise<ModelTurn | undefined> {
    return this.#models.admit(user);
  }

  answersOf(tenant: TenantId): AnswerDefaults {
    return this.#options.source.answersOf(tenant);
  }

  async useOf(tenant: TenantId): Promise<TenantUse> {
    const nowMs = this.#options.clock.monotonicMs();
    const quota = this.quotaOf(tenant);
    const state = this.#tenants.of(tenant);
    const models = await this.#models.useOf(tenant);
    const rates = this.#checksOf({ tenant }, { ...burstMin }).map(
      ({ name, rate, meters }) => [name, leftOf(rate, meters.of(name), nowMs)] as const,
    );
    return {
      quota,
      lastMinute: {
        documents: state.documents.sum(nowMs),
        bytes: state.bytes.sum(nowMs),
        questions: state.questions.sum(nowMs),
      },
      modelToday: models.today,
      left: { ...Object.fromEntries(rates), ...models.left },
    };
  }

  /** QM4. */
  #admit(user: QuotaUser, amounts: Amounts): void {
    const nowMs = this.#options.clock.monotonicMs();
    const checks = this.#checksOf(user, amounts);
    let refused: QuotaRefusal | undefined;
    for (const { name: quota, of, rate, meters, amount } of checks) {
      const retryAfterMs = waitMsOf(rate, meters.of(quota), { amount, nowMs });
      if (retryAfterMs <= (refused?.retryAfterMs ?? 0)) continue;
      refused = { quota, of, limit: rate.perSecond, retryAfterMs };
    }
    if (refused !== undefined) {
      const labels = { tenant: user.tenant, quota: refused.quota };
      this.#options.metrics.count("quota_refused_total", labels);
      throw quotaExceeded(refused);
    }
    for (const check of checks) charge(check, nowMs);
  }

  /** QM1: what of an operation is not paid for yet. */
  #useCredit(state: TenantState, bytes: number, nowMs: number): Amounts {
    const credit = creditAt(state, nowMs);
    const paidBytes = Math.min(credit.bytes, bytes);
    const paidDocuments = Math.min(credit.documents, 1);
    state.credit = {
      documents: credit.documents - paidDocuments,
      bytes: credit.bytes - paidBytes,
      untilMs: state.credit.untilMs,
    };
    return { documents_per_second: 1 - paidDocuments, bytes_per_second: bytes - paidBytes };
  }

  #checksOf({ tenant, credential }: QuotaUser, amounts: Amounts): readonly Check[] {
    const { source } = this.#options;
    const own = checksIn(source.ofTenant(tenant), amounts).map((check) => ({
      ...{ ...check, of: "tenant" as const },
      meters: this.#tenants.of(tenant).meters,
    }));
    if (credential === undefined) return own;
    const ofCredential = checksIn(source.ofCredential(credential), amounts).map((check) => ({
      ...{ ...check, of: "credential" as const },
      meters: this.#credentials.of(`${tenant}/${credential}`),
    }));
    return [...own, ...ofCredential];
  }
}

function checksIn(quota: Quota, amounts: Amounts): readonly Omit<Check, "of" | "meters">[] {
  const burstSeconds = quota.burst_seconds ?? 1;
  return (Object.entries(amounts) as [RateName, number][]).flatMap(([name, amount]) => {
    const perSecond = quota[name];
    if (perSecond === undefined || amount <= 0) return [];
    return [{ name, amount, rate: rateOf(perSecond, { burstSeconds, burstMin: burstMin[name] }) }];
  });
}

function charge({ name, rate, meters, amount }: Check, nowMs: number): void {
  meters.set(name, charged(rate, meters.of(name), { amount, nowMs }));
}

function creditAt({ credit }: TenantState, nowMs: number): Omit<TenantState["credit"], "untilMs"> {
  return nowMs < credit.untilMs ? credit : { documents: 0, bytes: 0 };
}

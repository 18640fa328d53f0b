import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { type TenantId, tenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentMetrics } from "../../src/contract/observation.ts";
import type {
  DayTokens,
  ModelAmounts,
  Quota,
  QuotaUser,
  TokenJournal,
} from "../../src/contract/quota.ts";
import { noQuotas } from "../../src/tenants/quota-file.ts";
import { TenantQuotas } from "../../src/tenants/quotas.ts";
import { createManualClock, type ManualClock } from "../support/manual-clock.ts";
import { runs } from "../support/runs.ts";

const acme = tenantId("acme");

function quotasOf(
  quota: Quota,
  more: {
    readonly ofCredential?: Quota;
    readonly journal?: TokenJournal;
    clock?: ManualClock;
  } = {},
) {
  const { ofCredential = {}, journal, clock = createManualClock() } = more;
  const source = { ...noQuotas, ofTenant: () => quota, ofCredential: () => ofCredential };
  const quotas = new TenantQuotas({ source, clock, metrics: silentMetrics, journal });
  return { quotas, clock };
}

function refusalOf(work: () => void): FreshetError | undefined {
  try {
    work();
    return undefined;
  } catch (thrown) {
    return thrown as FreshetError;
  }
}

const upsert = { bytes: 100, isDelete: false };

describe("questions", () => {
  it("are refused above the rate with which quota it is and when to come again", async () => {
    const { quotas, clock } = quotasOf({ questions_per_second: 2 });
    quotas.admitQuestion({ tenant: acme });
    quotas.admitQuestion({ tenant: acme });
    expect(refusalOf(() => quotas.admitQuestion({ tenant: acme }))).toMatchObject({
      code: "quota_exceeded",
      retryable: true,
      details: { quota: "questions_per_second", of: "tenant", limit: 2, retry_after_ms: 500 },
    });
    await clock.advance(500);
    quotas.admitQuestion({ tenant: acme });
  });

  it("QM4: of a credential above its own quota charge the tenant nothing", () => {
    const { quotas } = quotasOf(
      { questions_per_second: 3 },
      { ofCredential: { questions_per_second: 1 } },
    );
    const byKey = { tenant: acme, credential: "0123456789ab" };
    quotas.admitQuestion(byKey);
    for (let again = 0; again < 5; again += 1) {
      expect(refusalOf(() => quotas.admitQuestion(byKey))?.details).toMatchObject({
        of: "credential",
      });
    }
    quotas.admitQuestion({ tenant: acme, credential: "another" });
    quotas.admitQuestion({ tenant: acme });
    expect(refusalOf(() => quotas.admitQuestion({ tenant: acme }))?.details).toMatchObject({
      of: "tenant",
    });
  });

  it("that found no owner and are asked again are charged once", () => {
    const { quotas } = quotasOf({ questions_per_second: 2 });
    for (let again = 0; again < 10; again += 1) {
      quotas.admitQuestion({ tenant: acme })();
    }
    quotas.admitQuestion({ tenant: acme });
    quotas.admitQuestion({ tenant: acme });
    expect(refusalOf(() => quotas.admitQuestion({ tenant: acme }))).toBeDefined();
    // Nothing is given back twice.
    const { quotas: other } = quotasOf({ questions_per_second: 2 });
    const takeBack = other.admitQuestion({ tenant: acme });
    other.admitQuestion({ tenant: acme });
    takeBack();
    takeBack();
    other.admitQuestion({ tenant: acme });
    expect(refusalOf(() => other.admitQuestion({ tenant: acme }))).toBeDefined();
  });

  it("that wait for an owner for more than a minute are taken out of no other minute", async () => {
    const { quotas, clock } = quotasOf({});
    const asked = async () => (await quotas.useOf(acme)).lastMinute.questions;
    const takeBack = quotas.admitQuestion({ tenant: acme });
    quotas.admitQuestion({ tenant: acme });
    const takeBackSoon = quotas.admitQuestion({ tenant: acme });
    await clock.advance(limits.usageWindowMs / 2);
    takeBackSoon();
    expect(await asked()).toBe(2);
    await clock.advance(limits.usageWindowMs);
    quotas.admitQuestion({ tenant: acme });
    takeBack();
    expect(await asked()).toBe(1);
  });

  it("of one tenant take nothing from another", () => {
    const { quotas } = quotasOf({ questions_per_second: 1 });
    quotas.admitQuestion({ tenant: acme });
    expect(refusalOf(() => quotas.admitQuestion({ tenant: acme }))).toBeDefined();
    quotas.admitQuestion({ tenant: tenantId("globex") });
  });
});

describe("documents", () => {
  it("QM1: that HTTP admitted are not charged again when they come out of the log", () => {
    const { quotas } = quotasOf({ documents_per_second: 2, bytes_per_second: 1_000 });
    quotas.admitDocument({ tenant: acme }, 100);
    quotas.admitDocument({ tenant: acme }, 100);
    expect(refusalOf(() => quotas.admitDocument({ tenant: acme }, 100))).toBeDefined();
    expect(quotas.takeIn(acme, upsert)).toBe(0);
    expect(quotas.takeIn(acme, upsert)).toBe(0);
    expect(quotas.takeIn(acme, upsert)).toBeCloseTo(500);
  });

  it("QM3: deletes are neither charged nor delayed, however much is owed", () => {
    const { quotas } = quotasOf({ documents_per_second: 1, bytes_per_second: 10 });
    expect(quotas.takeIn(acme, upsert)).toBe(0);
    expect(quotas.takeIn(acme, upsert)).toBeGreaterThan(0);
    for (let count = 0; count < 100; count += 1) {
      expect(quotas.takeIn(acme, { bytes: 60, isDelete: true })).toBe(0);
    }
    expect(quotas.takeIn(acme, upsert)).toBeCloseTo(2_000);
  });

  it("QM1, QM2: by both ways together are no more than burst + rate x t, and none is lost", async () => {
    const step = fc.record({
      gapMs: fc.nat(700),
      way: fc.constantFrom("http" as const, "nats" as const),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 120 }),
        fc.integer({ min: 1, max: 20 }),
        async (steps, perSecond) => {
          const { quotas, clock } = quotasOf({ documents_per_second: perSecond });
          const waiting: number[] = [];
          const processed: number[] = [];
          const admittedOrProcessed: number[] = [];
          let freeAtMs = 0;
          /** The owner takes them out of the log one after the other, each when it conforms. */
          const takeAll = (): void => {
            while (waiting.length > 0 && freeAtMs <= clock.monotonicMs()) {
              const isPaid = (waiting.shift() as number) === 1;
              freeAtMs = clock.monotonicMs() + quotas.takeIn(acme, { bytes: 1, isDelete: false });
              processed.push(freeAtMs);
              if (!isPaid) admittedOrProcessed.push(freeAtMs);
            }
          };
          let published = 0;
          for (const { gapMs, way } of [
            ...steps,
            ...Array(200).fill({ gapMs: 1_000, way: "rest" }),
          ]) {
            await clock.advance(gapMs);
            takeAll();
            if (way === "rest") continue;
            const isHttp = way === "http";
            if (isHttp && refusalOf(() => quotas.admitDocument({ tenant: acme }, 1))) continue;
            if (isHttp) admittedOrProcessed.push(clock.monotonicMs());
            waiting.push(isHttp ? 1 : 0);
            published += 1;
            takeAll();
          }
          expect(processed).toHaveLength(published);
          const inTime = admittedOrProcessed.toSorted((one, other) => one - other);
          for (const [index, atMs] of inTime.entries()) {
            const bound = perSecond + (perSecond * (atMs - steps[0]!.gapMs)) / 1_000;
            expect(index + 1).toBeLessThanOrEqual(bound + 1e-6);
          }
        },
      ),
      { numRuns: runs(50) },
    );
  });

  it("are refused while the tenant holds its quota of chunks or memory, with the time of a merge", () => {
    const { quotas } = quotasOf({ stored_chunks: 10, hot_bytes: 1_000 });
    expect(quotas.refusalOfMore(acme, { chunks: 9, hotBytes: 999 })).toBeUndefined();
    expect(quotas.refusalOfMore(acme, { chunks: 10, hotBytes: 0 })?.details).toMatchObject({
      quota: "stored_chunks",
      retry_after_ms: limits.quotaRoomRetryMs,
    });
    expect(quotas.refusalOfMore(acme, { chunks: 0, hotBytes: 1_000 })?.details).toMatchObject({
      quota: "hot_bytes",
    });
  });

  it("without a quota cost no question to the owner", () => {
    expect(quotasOf({}).quotas.limitsPublishing({ tenant: acme })).toBe(false);
    expect(quotasOf({ questions_per_second: 1 }).quotas.limitsPublishing({ tenant: acme })).toBe(
      false,
    );
    const byKey = { tenant: acme, credential: "env" };
    const { quotas } = quotasOf({}, { ofCredential: { documents_per_second: 1 } });
    expect(quotas.limitsPublishing(byKey)).toBe(true);
  });
});

async function mayUseModel(quotas: TenantQuotas, user: QuotaUser): Promise<boolean> {
  const turn = await quotas.admitModel(user);
  turn?.end();
  return turn !== undefined;
}

/** By a question that was admitted, so also where that was the last one. */
async function useModel(
  quotas: TenantQuotas,
  user: QuotaUser,
  { tokens = 0, ms = 0 }: Partial<ModelAmounts>,
): Promise<void> {
  const turn = await quotas.admitModel(user);
  turn?.used({ tokens, ms });
  turn?.end();
}

describe("tokens of the model", () => {
  class Journal implements TokenJournal {
    readonly stored = new Map<TenantId, DayTokens>();
    isAway = false;
    async get(tenant: TenantId) {
      if (this.isAway) throw new FreshetError("log_unavailable");
      return this.stored.get(tenant) ?? null;
    }
    async put(tenant: TenantId, tokens: DayTokens) {
      if (this.isAway) throw new FreshetError("log_unavailable");
      this.stored.set(tenant, tokens);
    }
  }

  it("end with the day's quota and come again with the next day", async () => {
    const { quotas, clock } = quotasOf({ model_tokens_per_day: 1_000 });
    expect(await mayUseModel(quotas, { tenant: acme })).toBe(true);
    await useModel(quotas, { tenant: acme }, { tokens: 1_000 });
    expect(await mayUseModel(quotas, { tenant: acme })).toBe(false);
    expect((await quotas.useOf(acme)).left).toEqual({ model_tokens_per_day: 0 });
    await clock.advance(86_400_000);
    expect(await mayUseModel(quotas, { tenant: acme })).toBe(true);
  });

  it("are those of today again after a clock that ran ahead was set back, and stay over midnight", async () => {
    const clock = createManualClock();
    let aheadMs = 0;
    const stepping = { ...clock, nowMs: () => clock.nowMs() + aheadMs };
    const { quotas } = quotasOf({ model_tokens_per_day: 1_000 }, { clock: stepping });
    await useModel(quotas, { tenant: acme }, { tokens: 400 });
    const dayMs = 86_400_000;
    for (const [stepMs, used] of [
      [365 * dayMs, 1_000],
      [0, 0],
    ] as const) {
      aheadMs = stepMs;
      expect((await quotas.useOf(acme)).modelToday.tokens).toBe(0);
      await useModel(quotas, { tenant: acme }, { tokens: used });
    }
    expect(await mayUseModel(quotas, { tenant: acme })).toBe(true);
    // Set back by a moment behind midnight: what was used since counts.
    aheadMs = dayMs - (clock.nowMs() % dayMs);
    await useModel(quotas, { tenant: acme }, { tokens: 1_000 });
    aheadMs -= 1;
    expect(await mayUseModel(quotas, { tenant: acme })).toBe(false);
  });

  it("QD2: are known to the next owner, of the tenant and of each credential", async () => {
    const journal = new Journal();
    const quota = { model_tokens_per_day: 1_000 };
    const own = { ofCredential: { model_tokens_per_day: 300 }, journal };
    const { quotas, clock } = quotasOf(quota, own);
    const byKey = { tenant: acme, credential: "0123456789ab" };
    await useModel(quotas, byKey, { tokens: 400 });
    await clock.advance(limits.usageStoreEveryMs);
    const next = quotasOf(quota, { ...own, clock }).quotas;
    expect(await mayUseModel(next, byKey)).toBe(false);
    expect(await mayUseModel(next, { tenant: acme, credential: "another" })).toBe(true);
    await useModel(next, { tenant: acme }, { tokens: 700 });
    await next.close();
    expect(journal.stored.get(acme)?.tenant).toBe(1_100);
  });

  it("are given while the log is away: an outage refuses no answer", async () => {
    const journal = new Journal();
    journal.isAway = true;
    const { quotas, clock } = quotasOf({ model_tokens_per_day: 10 }, { journal });
    expect(await mayUseModel(quotas, { tenant: acme })).toBe(true);
    await useModel(quotas, { tenant: acme }, { tokens: 10 });
    await clock.advance(limits.usageStoreEveryMs);
    expect(await mayUseModel(quotas, { tenant: acme })).toBe(false);
  });
});

describe("time of the model", () => {
  it("ends with the day's quota as tokens do, and the next owner knows it", async () => {
    const days = new Map<TenantId, DayTokens>();
    const journal: TokenJournal = {
      get: async (tenant) => days.get(tenant) ?? null,
      put: async (tenant, tokens) => void days.set(tenant, tokens),
    };
    const quota = { model_seconds_per_day: 60 };
    const own = { ofCredential: { model_seconds_per_day: 5 }, journal };
    const { quotas, clock } = quotasOf(quota, own);
    const byKey = { tenant: acme, credential: "0123456789ab" };
    await useModel(quotas, byKey, { ms: 4_999 });
    expect(await mayUseModel(quotas, byKey)).toBe(true);
    await useModel(quotas, byKey, { ms: 1 });
    expect(await mayUseModel(quotas, byKey)).toBe(false);
    expect((await quotas.useOf(acme)).left).toEqual({ model_seconds_per_day: 55 });
    await clock.advance(limits.usageStoreEveryMs);
    const next = quotasOf(quota, { ...own, clock }).quotas;
    expect(await mayUseModel(next, byKey)).toBe(false);
    await useModel(next, { tenant: acme }, { ms: 55_000 });
    expect(await mayUseModel(next, { tenant: acme })).toBe(false);
  });

  it("QD1: an entry of an older release has no time in it, and counts for its tokens", async () => {
    const day = Math.floor(createManualClock().nowMs() / 86_400_000);
    const stored = { day, tenant: 10, credentials: {} };
    const journal: TokenJournal = { get: async () => stored, put: async () => {} };
    const { quotas } = quotasOf({ model_tokens_per_day: 10 }, { journal });
    expect(await mayUseModel(quotas, { tenant: acme })).toBe(false);
  });

  it("QL1, QL2: so many questions at a time as may be, and a turn is given back once", async () => {
    const { quotas } = quotasOf({ model_questions_at_once: 2 });
    const user = { tenant: acme };
    const [first, second] = [await quotas.admitModel(user), await quotas.admitModel(user)];
    expect(await quotas.admitModel(user)).toBeUndefined();
    expect((await quotas.useOf(acme)).left).toEqual({ model_questions_at_once: 0 });
    expect(await quotas.admitModel({ tenant: tenantId("globex") })).toBeDefined();
    first?.end();
    first?.end();
    expect(await quotas.admitModel(user)).toBeDefined();
    expect(await quotas.admitModel(user)).toBeUndefined();
    second?.end();
    expect((await quotas.useOf(acme)).left).toEqual({ model_questions_at_once: 1 });
  });
});

it("rates of the last minute forget what is older than it", async () => {
  const { quotas, clock } = quotasOf({});
  for (let count = 0; count < 3; count += 1) {
    quotas.takeIn(acme, upsert);
    quotas.admitQuestion({ tenant: acme });
    await clock.advance(30_000);
  }
  expect((await quotas.useOf(acme)).lastMinute).toEqual({ documents: 1, bytes: 100, questions: 1 });
  await clock.advance(60_000);
  expect((await quotas.useOf(acme)).lastMinute).toEqual({ documents: 0, bytes: 0, questions: 0 });
});

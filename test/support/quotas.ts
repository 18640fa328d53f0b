/** Quotas for tests: none, or those that are given. */

import { type Metrics, silentMetrics } from "../../src/contract/observation.ts";
import type { AnswerDefaults, Quota, TokenJournal } from "../../src/contract/quota.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { noQuotas } from "../../src/tenants/quota-file.ts";
import { TenantQuotas } from "../../src/tenants/quotas.ts";

/** The same for every tenant; read at each use, so a test may change it. */
export function quotasForAll(
  quota: () => Quota,
  {
    clock,
    journal,
    metrics = silentMetrics,
    answers = () => ({}),
  }: {
    readonly clock: Clock;
    readonly journal?: TokenJournal;
    readonly metrics?: Pick<Metrics, "count">;
    readonly answers?: (() => AnswerDefaults) | undefined;
  },
): TenantQuotas {
  const source = { ...noQuotas, ofTenant: quota, answersOf: answers };
  return new TenantQuotas({ source, clock, metrics, journal });
}

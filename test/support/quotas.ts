/** Quotas for tests: none, or those that are given. */

import { silentMetrics } from "../../src/contract/observation.ts";
import type { Quota, TokenJournal } from "../../src/contract/quota.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { noQuotas } from "../../src/tenants/quota-file.ts";
import { TenantQuotas } from "../../src/tenants/quotas.ts";

/** The same for every tenant; read at each use, so a test may change it. */
export function quotasForAll(
  quota: () => Quota,
  { clock, journal }: { readonly clock: Clock; readonly journal?: TokenJournal },
): TenantQuotas {
  const source = { ...noQuotas, ofTenant: quota };
  return new TenantQuotas({ source, clock, metrics: silentMetrics, journal });
}

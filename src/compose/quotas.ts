/** The quotas of this node, as the file of `FRESHET_QUOTAS_FILE` has them. */

import { canaryTenants } from "../contract/canary.ts";
import type { TokenJournal } from "../contract/quota.ts";
import { noQuotas, QuotaFile, type QuotaSource } from "../tenants/quota-file.ts";
import { TenantQuotas } from "../tenants/quotas.ts";
import type { Foundation } from "./foundation.ts";

/** @throws Error with one line when the file cannot be used */
export function openQuotas(
  { config, clock, logger, metrics }: Foundation,
  journal: TokenJournal,
): TenantQuotas {
  const path = config.quotasFile;
  const file = path === undefined ? noQuotas : QuotaFile.open({ path, clock, logger });
  // A canary that a default quota slowed would measure the quota.
  const canaries = new Set(config.canary ? canaryTenants(config.partitions).values() : []);
  const source: QuotaSource = {
    ofTenant: (tenant) => (canaries.has(tenant) ? {} : file.ofTenant(tenant)),
    ofCredential: (credential) => file.ofCredential(credential),
    answersOf: (tenant) => file.answersOf(tenant),
  };
  return new TenantQuotas({ source, clock, metrics, journal });
}

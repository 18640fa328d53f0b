/** The quotas of this node, as the file of `FRESHET_QUOTAS_FILE` has them. */

import type { TokenJournal } from "../contract/quota.ts";
import { noQuotas, QuotaFile } from "../tenants/quota-file.ts";
import { TenantQuotas } from "../tenants/quotas.ts";
import type { Foundation } from "./foundation.ts";

/** @throws Error with one line when the file cannot be used */
export function openQuotas(
  { config, clock, logger, metrics }: Foundation,
  journal: TokenJournal,
): TenantQuotas {
  const path = config.quotasFile;
  const source = path === undefined ? noQuotas : QuotaFile.open({ path, clock, logger });
  return new TenantQuotas({ source, clock, metrics, journal });
}

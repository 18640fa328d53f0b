/** Which tenants the API keys name, as the keys are now. */

import type { Config } from "../config/config.ts";
import type { TenantId } from "../contract/ids.ts";

/** Undefined: without keys any tenant may come into being. */
export function namedTenants({ http }: Pick<Config, "http">) {
  const { apiKeys } = http;
  if (apiKeys === undefined) return undefined;
  let seen: ReadonlyMap<string, TenantId> | undefined;
  let tenants: ReadonlySet<TenantId> = new Set();
  return {
    has(tenant: TenantId): boolean {
      const now = apiKeys();
      if (now !== seen) tenants = new Set(now.values());
      seen = now;
      return tenants.has(tenant);
    },
  };
}

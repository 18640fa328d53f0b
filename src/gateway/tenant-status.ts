/** What one tenant may know of a node: nothing that names another. */

import type { EngineStatus, Reader } from "../contract/service.ts";

/** The same on every surface where callers say who they are. */
export function statusFor(status: EngineStatus, { tenant, groups }: Reader): EngineStatus {
  // What lies in the log, and what is not served now, are of all tenants.
  const { quarantined: _, resting: __, ...shown } = status;
  // The numbers of a tenant count documents that a credential with groups may not know of.
  const mayCount = groups === undefined;
  return { ...shown, tenants: status.tenants.filter((one) => mayCount && one.tenant === tenant) };
}

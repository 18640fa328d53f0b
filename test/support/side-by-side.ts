/** What files that run side by side must not share, one of each for every worker of the test run. */

import { inject } from "vitest";
import type { ServerAddresses } from "./servers.ts";

/**
 * Where the servers are for the running file. Merge workers of two sites in one namespace of Temporal would take each
 * other's work, and refuse it (another deployment's); services of two files on one NATS would answer each other's
 * questions. Weaviate is shared: its collections carry the deployment, and its tenants the test's own names.
 */
export function serversOfFile(): ServerAddresses {
  const { nats, temporal, ...shared } = inject("servers");
  const place = Number(process.env["VITEST_POOL_ID"] ?? 1) - 1;
  return {
    ...shared,
    nats: present(nats[place % nats.length]),
    temporal: { ...temporal, namespace: present(temporal.namespaces[place]) },
  };
}

function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("more files run side by side than there are places");
  return value;
}

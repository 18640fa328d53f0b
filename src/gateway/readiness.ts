/** What a node that is not ready is missing, in words an operator can act on. Pure. */

import type { EngineStatus } from "./port.ts";

export interface Readiness {
  readonly ready: boolean;
  readonly missing: readonly string[];
}

/**
 * The engine decides whether it is ready; services that are down are named either way, because a
 * node without its cold shard answers, but only from hot.
 */
export function readinessOf(status: EngineStatus): Readiness {
  const missing = Object.entries(status.services)
    .filter(([, state]) => state === "down")
    .map(([name]) => name);
  if (status.refusal !== undefined) missing.unshift(status.refusal);
  const recovering = status.tenants.filter(({ state }) => state === "recovering").length;
  if (recovering > 0) missing.push(`${recovering} tenants are recovering`);
  if (!status.ready && missing.length === 0) missing.push("the engine is starting");
  return { ready: status.ready, missing };
}

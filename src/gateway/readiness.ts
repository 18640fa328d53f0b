/**
 * What a node that is not ready is missing, in words an operator can act on, and how far it has
 * come. Pure.
 */

import { joiningLine, type Recovery, recoveryLine, recoveryOf } from "../contract/recovery.ts";
import type { EngineStatus } from "../contract/service.ts";

export interface Readiness {
  readonly ready: boolean;
  readonly missing: readonly string[];
  readonly recovery: Recovery;
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
  const joining = joiningLine(status.partitions);
  if (joining !== undefined) missing.push(joining);
  const recovery = recoveryOf(status.tenants);
  if (recovery.tenants_ready < recovery.tenants_total) missing.push(recoveryLine(recovery));
  if (!status.ready && missing.length === 0) missing.push("the engine is starting");
  return { ready: status.ready, missing, recovery };
}

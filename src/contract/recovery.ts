/** How far a node that recovers has come, in numbers and in a line. Pure. */

import type { ErrorCode } from "./errors.ts";

export interface TenantRecovery {
  readonly state: "recovering" | "ready";
  /**
   * Records of CHUNKS that make up the hot shard of this tenure, and how many of them are there.
   */
  readonly records_to_replay: number;
  readonly records_replayed: number;
  /** Operations that are published and not visible yet, as far as the tenant has heard of them. */
  readonly operations_behind: number;
}

/** Sums over the tenants of the partitions that this node has. */
export interface Recovery {
  readonly tenants_ready: number;
  readonly tenants_total: number;
  readonly records_replayed: number;
  readonly records_to_replay: number;
  readonly operations_behind: number;
}

export function recoveryOf(tenants: readonly TenantRecovery[]): Recovery {
  const sum = (of: (tenant: TenantRecovery) => number): number =>
    tenants.reduce((total, tenant) => total + of(tenant), 0);
  return {
    tenants_ready: tenants.filter(({ state }) => state === "ready").length,
    tenants_total: tenants.length,
    records_replayed: sum(({ records_replayed }) => records_replayed),
    records_to_replay: sum(({ records_to_replay }) => records_to_replay),
    operations_behind: sum(({ operations_behind }) => operations_behind),
  };
}

/** `2 of 5 tenants are ready, 300 of 1200 records replayed, 7 operations to catch up`. */
export function recoveryLine(recovery: Recovery): string {
  const { tenants_ready, tenants_total, records_replayed, records_to_replay } = recovery;
  return (
    `${tenants_ready} of ${tenants_total} tenants are ready, ` +
    `${records_replayed} of ${records_to_replay} records replayed, ` +
    `${recovery.operations_behind} operations to catch up`
  );
}

/** What of this node's own is not here yet, and why; undefined when all of it is. */
export function joiningLine(partitions: {
  readonly joining: number;
  readonly blocked_by?: ErrorCode | undefined;
}): string | undefined {
  const { joining, blocked_by: code } = partitions;
  if (joining === 0) return undefined;
  const line = `${joining} partitions of this node are not here yet`;
  if (code !== "overloaded") return line;
  return `${line}: the log is full and takes no leases (ops/runbooks/disk-full.md)`;
}

/**
 * Who may use hot memory, who is asked to merge, and who is refused (I9, I11). Pure: what every
 * tenant of the node holds in, verdicts out.
 *
 *   HS1  no tenant holds more than its own bound, and the node no more than its bound (by the
 *        record that crosses it);
 *   HS2  a tenant below its guaranteed share is never refused while the node is within its bound:
 *        the guarantees are parts of a reserve that tenants above theirs cannot use;
 *   HS3  above its guarantee a tenant may grow while it holds less than is free outside of the
 *        reserve (as in `FairShares`), so a few that never merge leave room for all others, and who
 *        holds most is refused first;
 *   HS4  tenants whose merges are stuck are not asked again and again: one that has not merged
 *        within `patienceMs` makes place for the next largest, until it merges or its time is over.
 */

import type { TenantId } from "../contract/ids.ts";

export interface HotUse {
  readonly tenant: TenantId;
  /** Memory of its hot shard. */
  readonly bytes: number;
  /** Whether a merge would free anything. */
  readonly mergeable: boolean;
  /** Moves on with each merge. */
  readonly watermark: number;
}

export interface HotBounds {
  readonly nodeBytesMax: number;
  readonly tenantBytesMax: number;
  /** Part of `nodeBytesMax` that the guaranteed shares are parts of. */
  readonly reserveBytes: number;
}

export interface HotTotals {
  readonly tenants: number;
  readonly bytes: number;
}

/** HS2: the part of the reserve that is a tenant's own. */
export function guaranteedBytes({ tenants }: HotTotals, bounds: HotBounds): number {
  return Math.min(bounds.tenantBytesMax, bounds.reserveBytes / Math.max(1, tenants));
}

/** HS1 to HS3. */
export function mayGrow(bytes: number, totals: HotTotals, bounds: HotBounds): boolean {
  if (bytes >= bounds.tenantBytesMax || totals.bytes >= bounds.nodeBytesMax) return false;
  if (bytes < guaranteedBytes(totals, bounds)) return true;
  return bytes < bounds.nodeBytesMax - bounds.reserveBytes - totals.bytes;
}

/** When a tenant was asked to merge, and where its watermark stood. */
export interface Asked {
  readonly atMs: number;
  readonly watermark: number;
}

export interface PressureOptions {
  readonly tenantsMax: number;
  /** A merge that was asked for has so long to move the watermark. */
  readonly patienceMs: number;
  /** A tenant that was skipped is asked again after this. */
  readonly forgetMs: number;
}

export interface Pressure {
  readonly ask: readonly TenantId[];
  readonly asked: ReadonlyMap<TenantId, Asked>;
}

/**
 * HS4: the tenant that waits, and the largest others that a merge would make smaller. Those that
 * were asked and still have time count among `tenantsMax`: so many merges run at once.
 */
export function askForRoom(
  waiting: TenantId,
  uses: readonly HotUse[],
  options: PressureOptions & { readonly asked: Pressure["asked"]; readonly nowMs: number },
): Pressure {
  const { tenantsMax, nowMs } = options;
  const candidates = uses
    .filter(({ tenant, mergeable }) => mergeable || tenant === waiting)
    .filter((use) => !isStuck(use, options))
    .sort((one, other) => other.bytes - one.bytes);
  const largest = candidates.slice(0, tenantsMax).map(({ tenant }) => tenant);
  const ask = [...new Set([waiting, ...largest])];
  const asked = new Map<TenantId, Asked>();
  for (const { tenant, watermark } of uses) {
    const before = options.asked.get(tenant);
    const holds = before?.watermark === watermark && nowMs - before.atMs < options.forgetMs;
    if (holds) asked.set(tenant, before);
    else if (ask.includes(tenant)) asked.set(tenant, { atMs: nowMs, watermark });
  }
  return { ask, asked };
}

function isStuck(
  { tenant, watermark }: HotUse,
  { asked, nowMs, patienceMs, forgetMs }: Parameters<typeof askForRoom>[2],
): boolean {
  const before = asked.get(tenant);
  if (before === undefined || before.watermark !== watermark) return false;
  const sinceMs = nowMs - before.atMs;
  return sinceMs >= patienceMs && sinceMs < forgetMs;
}

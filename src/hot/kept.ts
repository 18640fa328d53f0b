/**
 * Whose kept rows make room: memory is a cache of the tenants, beside what it has to hold. Pure.
 *
 *   HK1  the tenant that was asked for least recently goes first, with all that it keeps;
 *   HK2  no tenant makes room for one that was asked for less recently than itself.
 */

import type { TenantId } from "../contract/ids.ts";

export interface KeptUse {
  readonly tenant: TenantId;
  /** What it keeps. */
  readonly bytes: number;
  /** When it was last asked for, monotonic milliseconds. */
  readonly askedAtMs: number;
}

/** HK1: the tenants whose kept rows are at least `bytes` together, or all. */
export function leastRecentlyAsked(uses: readonly KeptUse[], bytes: number): readonly TenantId[] {
  const evicted: TenantId[] = [];
  let freed = 0;
  for (const use of uses
    .filter((each) => each.bytes > 0)
    .toSorted((one, other) => one.askedAtMs - other.askedAtMs)) {
    if (freed >= bytes) break;
    evicted.push(use.tenant);
    freed += use.bytes;
  }
  return evicted;
}

/**
 * HK2: the tenants that make room of `bytes` for one that would keep more; undefined when those
 * that were asked for before it do not keep so much.
 */
export function roomFor(
  tenant: TenantId,
  uses: readonly KeptUse[],
  bytes: number,
): readonly TenantId[] | undefined {
  if (bytes <= 0) return [];
  const askedAtMs =
    uses.find((use) => use.tenant === tenant)?.askedAtMs ?? Number.NEGATIVE_INFINITY;
  const older = uses.filter((use) => use.tenant !== tenant && use.askedAtMs < askedAtMs);
  const sum = older.reduce((all, use) => all + use.bytes, 0);
  return sum < bytes ? undefined : leastRecentlyAsked(older, bytes);
}

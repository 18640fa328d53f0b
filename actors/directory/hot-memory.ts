/**
 * The node's hot memory as its actors ask for it: the decisions of `src/hot/shares.ts` and
 * `src/hot/kept.ts` over what the directory knows.
 *
 *   HM1  what tenants keep counts against no publisher: it is dropped, in the same step, before
 *        anybody is refused or asked to merge for room;
 *   HM2  what is held and what is kept are within the node's bound together, by the record that
 *        crosses it, and so is each tenant, within its quota where it has one.
 */

import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { leastRecentlyAsked, roomFor } from "../../src/hot/kept.ts";
import { askForRoom, type HotBounds, mayGrow, type Pressure } from "../../src/hot/shares.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { type Directory, memoryOf } from "./directory.ts";

const bounds: HotBounds = {
  nodeBytesMax: limits.hotBytesPerNodeMax,
  tenantBytesMax: limits.hotBytesPerTenantMax,
  reserveBytes: limits.hotReserveBytes,
};

const pressure = {
  tenantsMax: limits.pressureTenantsMax,
  patienceMs: limits.pressurePatienceMs,
  forgetMs: limits.pressureForgetMs,
};

/** Memory for hot shards and heads, as one tenant after another asks for it. */
export interface HotMemory {
  /**
   * True while there is no room for this tenant: its publishers are refused and its operations wait
   * in DOCS (I11). What passes its quota is refused by the bounds of the node alone.
   */
  isFull(tenant: TenantId, of?: { readonly passesQuota: boolean }): boolean;
  /** The tenants whose merges would make room for the one that waits. */
  tenantsToMerge(waiting: TenantId): readonly TenantId[];
}

/** Memory for what is merged, as tenants that are asked want more of it. */
export interface KeptMemory {
  /**
   * True when this tenant may keep so many bytes more: tenants that were asked for less recently
   * have made room (HK2). False when they do not keep so much, or it would be above its own bound.
   */
  makeRoom(tenant: TenantId, bytes: number): boolean;
}

/** The bounds of a node; tests take smaller ones. */
export interface HotMemoryBounds extends HotBounds {
  /** Of all that is kept; 0 where nothing is. */
  readonly keptBytesMax: number;
  /** Where the bound is met so much is freed at once. */
  readonly evictBytesMin: number;
}

interface HotMemoryOptions {
  readonly bounds?: HotMemoryBounds;
  readonly quotaOf?: (tenant: TenantId) => number;
}

export function boundsOf(keptBytesMax: number = limits.hotBytesPerNodeMax): HotMemoryBounds {
  const evictBytesMin = Math.min(limits.hotEvictBytesMin, keptBytesMax / 16);
  return { ...bounds, keptBytesMax, evictBytesMin };
}

export class NodeHotMemory implements HotMemory, KeptMemory {
  readonly #directory: Directory;
  readonly #clock: Clock;
  readonly #bounds: HotMemoryBounds;
  readonly #quotaOf: (tenant: TenantId) => number;
  #asked: Pressure["asked"] = new Map();

  /** @param quotaOf bytes that a tenant may hold by its quota; without one, as many as any */
  constructor(
    directory: Directory,
    clock: Clock,
    { bounds = boundsOf(), quotaOf = () => Infinity }: HotMemoryOptions = {},
  ) {
    this.#directory = directory;
    this.#clock = clock;
    this.#bounds = bounds;
    this.#quotaOf = quotaOf;
  }

  isFull(tenant: TenantId, { passesQuota } = { passesQuota: false }): boolean {
    this.#reclaim(tenant);
    const status = this.#directory.tenant(tenant)?.status;
    const bytes = status === undefined ? 0 : memoryOf(status);
    const own = passesQuota ? {} : { tenantBytesMax: this.#tenantBytesMax(tenant) };
    return !mayGrow(bytes, this.#directory.hotTotals(), { ...this.#bounds, ...own });
  }

  /** HM2. */
  #tenantBytesMax(tenant: TenantId): number {
    return Math.min(this.#bounds.tenantBytesMax, this.#quotaOf(tenant));
  }

  makeRoom(tenant: TenantId, bytes: number): boolean {
    const { nodeBytesMax, keptBytesMax } = this.#bounds;
    const tenantBytesMax = this.#tenantBytesMax(tenant);
    const status = this.#directory.tenant(tenant)?.status;
    if (status === undefined) return false;
    if (memoryOf(status) + status.kept.bytes + bytes > tenantBytesMax) return false;
    const totals = this.#directory.hotTotals();
    const over = Math.max(
      totals.bytes + totals.keptBytes + bytes - nodeBytesMax,
      totals.keptBytes + bytes - keptBytesMax,
    );
    if (over <= 0) return true;
    const evicted = roomFor(tenant, this.#directory.keptUses(), over);
    for (const other of evicted ?? []) this.#directory.tenant(other)?.kept.evict();
    return evicted !== undefined;
  }

  /** HM1, HM2. */
  #reclaim(tenant: TenantId): void {
    const { nodeBytesMax, keptBytesMax, evictBytesMin } = this.#bounds;
    const tenantBytesMax = this.#tenantBytesMax(tenant);
    const own = this.#directory.tenant(tenant);
    if (own !== undefined && own.status.kept.bytes > 0) {
      if (memoryOf(own.status) + own.status.kept.bytes >= tenantBytesMax) own.kept.evict();
    }
    const { bytes, keptBytes } = this.#directory.hotTotals();
    const over = Math.max(bytes + keptBytes - nodeBytesMax, keptBytes - keptBytesMax);
    if (keptBytes === 0 || over < 0) return;
    const uses = this.#directory.keptUses();
    for (const other of leastRecentlyAsked(uses, over + evictBytesMin)) {
      this.#directory.tenant(other)?.kept.evict();
    }
  }

  tenantsToMerge(waiting: TenantId): readonly TenantId[] {
    const options = { ...pressure, asked: this.#asked, nowMs: this.#clock.monotonicMs() };
    const { ask, asked } = askForRoom(waiting, this.#directory.hotUses(), options);
    this.#asked = asked;
    return ask;
  }
}

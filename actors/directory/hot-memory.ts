/**
 * The node's hot memory as its actors ask for it: the decisions of `src/hot/shares.ts` over what
 * the directory knows.
 */

import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
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
   * in DOCS (I11).
   */
  isFull(tenant: TenantId): boolean;
  /** The tenants whose merges would make room for the one that waits. */
  tenantsToMerge(waiting: TenantId): readonly TenantId[];
}

export class NodeHotMemory implements HotMemory {
  readonly #directory: Directory;
  readonly #clock: Clock;
  #asked: Pressure["asked"] = new Map();

  constructor(directory: Directory, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  isFull(tenant: TenantId): boolean {
    const status = this.#directory.tenant(tenant)?.status;
    const bytes = status === undefined ? 0 : memoryOf(status);
    return !mayGrow(bytes, this.#directory.hotTotals(), bounds);
  }

  tenantsToMerge(waiting: TenantId): readonly TenantId[] {
    const options = { ...pressure, asked: this.#asked, nowMs: this.#clock.monotonicMs() };
    const { ask, asked } = askForRoom(waiting, this.#directory.hotUses(), options);
    this.#asked = asked;
    return ask;
  }
}

/**
 * What the tenants of an installation are at, as one process knows it.
 *
 * Owns: a copy of the records that say so. Never: decides; a record of the store does.
 *
 *   LB1  nothing is served before all records were read once;
 *   LB2  what was erased stays erased, whatever comes later: names are never used again.
 */

import { FreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import {
  activeLife,
  checkServed,
  isErased,
  type LifeSummary,
  type RestingTenant,
  type TenantLife,
} from "../contract/tenant-life.ts";
import { untilStored } from "./compare-and-set.ts";
import type { LifeStore } from "./life-port.ts";
import { loadOnce } from "./load-once.ts";
import { lifeAfter } from "./wire/life.ts";

export class TenantLives {
  readonly #store: Pick<LifeStore, "all">;
  readonly #lives = new Map<TenantId, { readonly life: TenantLife; readonly revision: number }>();
  /**
   * LB1. Once; a failure is tried again by the next caller.
   * @throws FreshetError log_unavailable
   */
  readonly load = loadOnce(() => this.#readAll());

  constructor(store: Pick<LifeStore, "all">) {
    this.#store = store;
  }

  of(tenant: TenantId): TenantLife | undefined {
    return this.#lives.get(tenant)?.life;
  }

  /** False for what was known already. */
  heard(tenant: TenantId, life: TenantLife, revision: number): boolean {
    const known = this.#lives.get(tenant);
    if (known !== undefined && known.revision >= revision) return false;
    this.#lives.set(tenant, { life, revision });
    return true;
  }

  /** It is used again, whatever the record says still; false for one that did not sleep. */
  woke(tenant: TenantId): boolean {
    const known = this.#lives.get(tenant);
    if (known?.life.state !== "asleep") return false;
    this.#lives.set(tenant, { ...known, life: activeLife });
    return true;
  }

  /** @throws FreshetError tenant_erased, tenant_suspended */
  check(tenant: TenantId): void {
    checkServed(this.of(tenant));
  }

  get erasedCount(): number {
    let erased = 0;
    for (const { life } of this.#lives.values()) if (isErased(life)) erased += 1;
    return erased;
  }

  /** Undefined while every tenant is active. */
  summary(): LifeSummary | undefined {
    const counts = { asleep: 0, suspended: 0, erasing: 0, erased: 0 };
    const resting: RestingTenant[] = [];
    for (const [tenant, { life }] of this.#lives) {
      if (life.state === "active") continue;
      counts[life.state] += 1;
      resting.push({ tenant, state: life.state, since: life.atMs });
    }
    if (resting.length === 0) return undefined;
    const order = ["erasing", "suspended", "asleep", "erased"];
    resting.sort((one, other) => order.indexOf(one.state) - order.indexOf(other.state));
    return { ...counts, tenants: resting.slice(0, limits.restingShownMax) };
  }

  async #readAll(): Promise<void> {
    for await (const { tenant, life, revision } of this.#store.all()) {
      this.heard(tenant, life, revision);
    }
  }
}

/**
 * Changes what a tenant is at: `next` says to what, from what it is at; undefined leaves it.
 * @throws FreshetError tenant_erased (LB2), log_unavailable, and what `next` throws
 */
export async function changeLife(
  store: Pick<LifeStore, "get" | "put">,
  tenant: TenantId,
  next: (life: TenantLife) => TenantLife | undefined,
): Promise<{ readonly life: TenantLife; readonly revision: number }> {
  return untilStored("what the tenant is at changes all the time", async () => {
    const stored = await store.get(tenant);
    const life = next(stored.life);
    if (life === undefined) return stored;
    if (isErased(stored.life) && !isErased(life)) throw new FreshetError("tenant_erased");
    return (await store.put(tenant, lifeAfter(stored.life, life), stored.revision))
      ? store.get(tenant)
      : undefined;
  });
}

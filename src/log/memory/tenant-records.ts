/** Small records of tenants, in memory. */

import { type TenantId, tenantOf } from "../../contract/ids.ts";
import type { Availability } from "./availability.ts";

export interface StoredValue<Value> {
  readonly tenant: TenantId;
  readonly value: Value;
  readonly revision: number;
}

export class MemoryTenantRecords<Value> {
  readonly #availability: Availability;
  readonly #stored = new Map<TenantId, StoredValue<Value>>();
  #revision = 0;

  constructor(availability: Availability) {
    this.#availability = availability;
  }

  async get(name: TenantId): Promise<StoredValue<Value> | undefined> {
    await this.#availability.pass();
    return this.#stored.get(tenantOf(name));
  }

  async put(tenant: TenantId, value: Value, expectedRevision: number): Promise<boolean> {
    await this.#availability.pass();
    if ((this.#stored.get(tenant)?.revision ?? 0) !== expectedRevision) return false;
    this.#revision += 1;
    const revision = this.#revision;
    this.#stored.set(tenant, { tenant, value: structuredClone(value), revision });
    this.#availability.wake();
    return true;
  }

  async *all(): AsyncGenerator<StoredValue<Value>> {
    await this.#availability.pass();
    yield* this.#above(0);
  }

  async *watch(signal: AbortSignal): AsyncGenerator<StoredValue<Value>> {
    let seen = 0;
    while (!signal.aborted && this.#availability.open) {
      const [next] = this.#availability.available ? this.#above(seen) : [];
      if (next === undefined) {
        await this.#availability.changed(signal);
        continue;
      }
      seen = next.revision;
      yield next;
      await Promise.resolve();
    }
    this.#availability.endRead(signal);
  }

  /** How many there were. */
  erase(tenant: TenantId, isRemoved: boolean): number {
    const found = Number(this.#stored.has(tenant));
    if (isRemoved) this.#stored.delete(tenant);
    return found;
  }

  #above(revision: number): readonly StoredValue<Value>[] {
    return [...this.#stored.values()]
      .filter((stored) => stored.revision > revision)
      .sort((one, other) => one.revision - other.revision);
  }
}

/** What tenants are at, in memory. */

import type { TenantId } from "../../contract/ids.ts";
import { activeLife, type TenantLife } from "../../contract/tenant-life.ts";
import type { LifeStore, NamedLife, StoredLife } from "../life-port.ts";
import type { Availability } from "./availability.ts";
import { MemoryTenantRecords } from "./tenant-records.ts";

export class MemoryLives implements LifeStore {
  readonly #records: MemoryTenantRecords<TenantLife>;

  constructor(availability: Availability) {
    this.#records = new MemoryTenantRecords(availability);
  }

  async get(tenant: TenantId): Promise<StoredLife> {
    const { value = activeLife, revision = 0 } = (await this.#records.get(tenant)) ?? {};
    return { life: value, revision };
  }

  put(tenant: TenantId, life: TenantLife, expectedRevision: number): Promise<boolean> {
    return this.#records.put(tenant, life, expectedRevision);
  }

  async *all(): AsyncGenerator<NamedLife> {
    for await (const { value, ...stored } of this.#records.all()) yield { ...stored, life: value };
  }

  async *watch(signal: AbortSignal): AsyncGenerator<NamedLife> {
    const found = this.#records.watch(signal);
    for await (const { value, ...stored } of found) yield { ...stored, life: value };
  }
}

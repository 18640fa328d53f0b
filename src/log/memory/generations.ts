/** Which generations tenants have, in memory. */

import { firstGeneration, type TenantGenerations } from "../../contract/generation.ts";
import type { TenantId } from "../../contract/ids.ts";
import type { GenerationStore, NamedGenerations, StoredGenerations } from "../generation-port.ts";
import type { Availability } from "./availability.ts";
import { MemoryTenantRecords } from "./tenant-records.ts";

export class MemoryGenerations implements GenerationStore {
  readonly #records: MemoryTenantRecords<TenantGenerations>;

  constructor(availability: Availability) {
    this.#records = new MemoryTenantRecords(availability);
  }

  async get(name: TenantId): Promise<StoredGenerations> {
    const { value = firstGeneration, revision = 0 } = (await this.#records.get(name)) ?? {};
    return { generations: value, revision };
  }

  put(tenant: TenantId, changed: TenantGenerations, expectedRevision: number): Promise<boolean> {
    return this.#records.put(tenant, changed, expectedRevision);
  }

  async *all(): AsyncGenerator<NamedGenerations> {
    for await (const { value, ...stored } of this.#records.all()) {
      yield { ...stored, generations: value };
    }
  }

  async *watch(signal: AbortSignal): AsyncGenerator<NamedGenerations> {
    for await (const { value, ...stored } of this.#records.watch(signal)) {
      yield { ...stored, generations: value };
    }
  }

  erase(tenant: TenantId, isRemoved: boolean): number {
    return this.#records.erase(tenant, isRemoved);
  }
}

/** What tenants ask for beyond redaction, in memory. */

import type { TenantId } from "../../contract/ids.ts";
import { noPrivacy, type TenantPrivacy } from "../../contract/tenant-privacy.ts";
import type { NamedPrivacy, PrivacyStore, StoredPrivacy } from "../privacy-port.ts";
import type { Availability } from "./availability.ts";
import { MemoryTenantRecords } from "./tenant-records.ts";

export class MemoryPrivacy implements PrivacyStore {
  readonly #records: MemoryTenantRecords<TenantPrivacy>;

  constructor(availability: Availability) {
    this.#records = new MemoryTenantRecords(availability);
  }

  async get(tenant: TenantId): Promise<StoredPrivacy> {
    const { value = noPrivacy, revision = 0 } = (await this.#records.get(tenant)) ?? {};
    return { privacy: value, revision };
  }

  put(tenant: TenantId, privacy: TenantPrivacy, expectedRevision: number): Promise<boolean> {
    return this.#records.put(tenant, privacy, expectedRevision);
  }

  async *all(): AsyncGenerator<NamedPrivacy> {
    for await (const { value, ...stored } of this.#records.all()) {
      yield { ...stored, privacy: value };
    }
  }

  erase(tenant: TenantId, isRemoved: boolean): number {
    return this.#records.erase(tenant, isRemoved);
  }
}

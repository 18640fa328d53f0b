/** What tenants ask for beyond redaction, in memory. */

import { type TenantId, tenantOf } from "../../contract/ids.ts";
import { noPrivacy, type TenantPrivacy } from "../../contract/tenant-privacy.ts";
import type { NamedPrivacy, PrivacyStore, StoredPrivacy } from "../privacy-port.ts";
import type { Availability } from "./availability.ts";

export class MemoryPrivacy implements PrivacyStore {
  readonly #availability: Availability;
  readonly #stored = new Map<TenantId, StoredPrivacy>();
  #revision = 0;

  constructor(availability: Availability) {
    this.#availability = availability;
  }

  async get(tenant: TenantId): Promise<StoredPrivacy> {
    await this.#availability.pass();
    return this.#stored.get(tenantOf(tenant)) ?? { privacy: noPrivacy, revision: 0 };
  }

  async put(tenant: TenantId, privacy: TenantPrivacy, expectedRevision: number): Promise<boolean> {
    await this.#availability.pass();
    if ((this.#stored.get(tenant)?.revision ?? 0) !== expectedRevision) return false;
    this.#revision += 1;
    this.#stored.set(tenant, { privacy: structuredClone(privacy), revision: this.#revision });
    return true;
  }

  async *all(): AsyncGenerator<NamedPrivacy> {
    await this.#availability.pass();
    for (const [tenant, stored] of this.#stored) yield { tenant, ...stored };
  }

  erase(tenant: TenantId, isRemoved: boolean): number {
    const found = this.#stored.has(tenant) ? 1 : 0;
    if (isRemoved) this.#stored.delete(tenant);
    return found;
  }
}

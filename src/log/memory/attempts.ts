/** The attempt journal in memory. */

import type { TenantId } from "../../contract/ids.ts";
import type { AttemptJournal, Attempts } from "../dead-letter-port.ts";
import type { Availability } from "./availability.ts";

export class MemoryAttempts implements AttemptJournal {
  readonly #availability: Availability;
  readonly #entries = new Map<TenantId, Attempts>();

  constructor(availability: Availability) {
    this.#availability = availability;
  }

  async get(tenant: TenantId): Promise<Attempts | null> {
    await this.#availability.pass();
    return this.#entries.get(tenant) ?? null;
  }

  erase(tenant: TenantId, isRemoved: boolean): number {
    const found = Number(this.#entries.has(tenant));
    if (isRemoved) this.#entries.delete(tenant);
    return found;
  }

  async put(tenant: TenantId, attempts: Attempts): Promise<void> {
    await this.#availability.pass();
    this.#entries.set(tenant, { ...attempts });
  }
}

/** The attempt journal in memory. */

import type { TenantId } from "../../contract/ids.ts";
import type { MemorySwitch } from "./availability.ts";
import type { AttemptJournal, Attempts } from "../port.ts";

export class MemoryAttempts implements AttemptJournal {
  readonly #power: MemorySwitch;
  readonly #entries = new Map<TenantId, Attempts>();

  constructor(power: MemorySwitch) {
    this.#power = power;
  }

  async get(tenant: TenantId): Promise<Attempts | null> {
    await this.#power.pass();
    return this.#entries.get(tenant) ?? null;
  }

  async put(tenant: TenantId, attempts: Attempts): Promise<void> {
    await this.#power.pass();
    this.#entries.set(tenant, { ...attempts });
  }
}

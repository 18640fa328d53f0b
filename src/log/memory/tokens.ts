/** The journal of tokens in memory. */

import type { TenantId } from "../../contract/ids.ts";
import type { DayTokens, TokenJournal } from "../../contract/quota.ts";
import type { Availability } from "./availability.ts";

export class MemoryTokens implements TokenJournal {
  readonly #availability: Availability;
  readonly #days = new Map<TenantId, DayTokens>();

  constructor(availability: Availability) {
    this.#availability = availability;
  }

  async get(tenant: TenantId): Promise<DayTokens | null> {
    await this.#availability.pass();
    return this.#days.get(tenant) ?? null;
  }

  erase(tenant: TenantId, isRemoved: boolean): number {
    const found = Number(this.#days.has(tenant));
    if (isRemoved) this.#days.delete(tenant);
    return found;
  }

  async put(tenant: TenantId, tokens: DayTokens): Promise<void> {
    await this.#availability.pass();
    this.#days.set(tenant, structuredClone(tokens));
  }
}

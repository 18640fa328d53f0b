/** Dead letters in memory. */

import type { Version } from "../contract/ids.ts";
import type { MemorySwitch } from "./memory-switch.ts";
import type { DeadLetter, DeadLetterLog } from "./port.ts";

export class MemoryDeadLetters implements DeadLetterLog {
  readonly #power: MemorySwitch;
  readonly #byTenant = new Map<string, Map<Version, DeadLetter>>();

  constructor(power: MemorySwitch) {
    this.#power = power;
  }

  async publish(letter: DeadLetter): Promise<void> {
    await this.#power.pass();
    const letters = this.#byTenant.get(letter.tenant) ?? new Map<Version, DeadLetter>();
    this.#byTenant.set(letter.tenant, letters);
    if (!letters.has(letter.version)) letters.set(letter.version, { ...letter });
  }

  async list(tenant: string, max: number, after = 0 as Version): Promise<DeadLetter[]> {
    await this.#power.pass();
    const letters = [...(this.#byTenant.get(tenant)?.values() ?? [])];
    return letters.filter(({ version }) => version > after).slice(0, max);
  }

  async get(tenant: string, version: Version): Promise<DeadLetter | null> {
    await this.#power.pass();
    return this.#byTenant.get(tenant)?.get(version) ?? null;
  }
}

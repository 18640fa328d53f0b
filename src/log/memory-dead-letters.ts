/** Dead letters in memory. */

import type { TenantId, Version } from "../contract/ids.ts";
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

  async list(tenant: TenantId, max: number): Promise<DeadLetter[]> {
    await this.#power.pass();
    return [...(this.#byTenant.get(tenant)?.values() ?? [])].slice(0, max);
  }
}

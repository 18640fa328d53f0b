/** Dead letters in memory. */

import type { Version } from "../contract/ids.ts";
import type { MemorySwitch } from "./memory-switch.ts";
import type { DeadLetter, DeadLetterLog } from "./port.ts";
import type { Quarantine } from "./quarantine.ts";
import { deadLetterOf } from "./subjects.ts";

/** What somebody stored in a letter's place. */
const foreign = "foreign";

export class MemoryDeadLetters implements DeadLetterLog {
  readonly #power: MemorySwitch;
  readonly #quarantine: Quarantine;
  readonly #byTenant = new Map<string, Map<Version, DeadLetter | typeof foreign>>();

  constructor(power: MemorySwitch, quarantine: Quarantine) {
    this.#power = power;
    this.#quarantine = quarantine;
  }

  putForeign(tenant: string, version: Version): void {
    this.#lettersOf(tenant).set(version, foreign);
  }

  async publish(letter: DeadLetter): Promise<void> {
    await this.#power.pass();
    const letters = this.#lettersOf(letter.tenant);
    if (!letters.has(letter.version)) letters.set(letter.version, { ...letter });
  }

  async list(tenant: string, max: number, after = 0 as Version): Promise<DeadLetter[]> {
    await this.#power.pass();
    const letters = [...(this.#byTenant.get(tenant)?.keys() ?? [])]
      .filter((version) => version > after)
      .map((version) => this.#letter(tenant, version));
    return letters.filter((letter) => letter !== null).slice(0, max);
  }

  async get(tenant: string, version: Version): Promise<DeadLetter | null> {
    await this.#power.pass();
    return this.#letter(tenant, version);
  }

  #lettersOf(tenant: string): Map<Version, DeadLetter | typeof foreign> {
    const letters = this.#byTenant.get(tenant) ?? new Map<Version, DeadLetter>();
    this.#byTenant.set(tenant, letters);
    return letters;
  }

  #letter(tenant: string, version: Version): DeadLetter | null {
    const letter = this.#byTenant.get(tenant)?.get(version) ?? null;
    if (letter !== foreign) return letter;
    const subject = deadLetterOf(tenant, version);
    this.#quarantine.add({ stream: "DLQ", seq: version, subject, why: foreign });
    return null;
  }
}

/** Dead letters in memory. */

import { FreshetError } from "../../contract/errors.ts";
import { noVersion, type TenantId, tenantOf, type Version } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import type { Clock } from "../../runtime/clock.ts";
import { letterShareOf } from "../dead-letter.ts";
import type { DeadLetter, DeadLetterLog, OwedLetters } from "../dead-letter-port.ts";
import type { Quarantine } from "../quarantine.ts";
import { deadLetterSubject } from "../wire/subjects.ts";
import type { Availability } from "./availability.ts";

/** A foreign message in a dead letter's place. */
const foreign = "foreign";

interface Written {
  readonly letter: DeadLetter | typeof foreign;
  readonly writtenAtMs: number;
}

export interface MemoryDeadLettersOptions {
  readonly clock: Clock;
  readonly availability: Availability;
  readonly quarantine: Quarantine;
  /** Dead letters that a tenant may keep. */
  readonly perTenantMax?: number | undefined;
}

export class MemoryDeadLetters implements DeadLetterLog {
  readonly #options: MemoryDeadLettersOptions;
  /** By tenant, in the order of their writing. */
  readonly #written = new Map<string, Map<Version, Written>>();
  readonly #owed = new Map<TenantId, OwedLetters>();
  /** Takes no dead letter, as a stream at its bound. */
  isFull = false;

  constructor(options: MemoryDeadLettersOptions) {
    this.#options = options;
  }

  putForeign(tenant: string, version: Version): void {
    const writtenAtMs = this.#options.clock.nowMs();
    this.#of(tenant).set(version, { letter: foreign, writtenAtMs });
  }

  async publish(letter: DeadLetter): Promise<void> {
    await this.#options.availability.pass();
    const letters = this.#of(letter.tenant);
    if (letters.has(letter.version)) return;
    if (this.isFull) throw new FreshetError("overloaded", "the log is full");
    const writtenAtMs = this.#options.clock.nowMs();
    letters.set(letter.version, { letter: { ...letter }, writtenAtMs });
  }

  async list(tenant: string, max: number, after = noVersion): Promise<DeadLetter[]> {
    await this.#options.availability.pass();
    return [...this.#of(tenant).keys()]
      .filter((version) => version > after)
      .sort((one, other) => one - other)
      .map((version) => this.#letter(tenant, version))
      .filter((letter) => letter !== null)
      .slice(0, max);
  }

  async get(tenant: string, version: Version): Promise<DeadLetter | null> {
    await this.#options.availability.pass();
    return this.#letter(tenant, version);
  }

  async last(tenant: string): Promise<Version> {
    await this.#options.availability.pass();
    return [...this.#of(tenant).keys()].at(-1) ?? noVersion;
  }

  async trim(tenant: string): Promise<number> {
    await this.#options.availability.pass();
    const letters = this.#of(tenant);
    const keep = this.#options.perTenantMax ?? letterShareOf(limits.deadLetterBytesMax);
    const oldest = [...letters.keys()].slice(0, Math.max(0, letters.size - keep));
    for (const version of oldest) letters.delete(version);
    return oldest.length;
  }

  async purgeBefore(atMs: number): Promise<number> {
    await this.#options.availability.pass();
    let purged = 0;
    for (const letters of this.#written.values()) {
      for (const [version, { writtenAtMs }] of letters) {
        if (writtenAtMs < atMs && letters.delete(version)) purged += 1;
      }
    }
    return purged;
  }

  async owed(tenant: TenantId): Promise<OwedLetters> {
    await this.#options.availability.pass();
    return this.#owed.get(tenant) ?? { after: null, revision: 0 };
  }

  async owe(tenant: TenantId, { after, revision }: OwedLetters): Promise<boolean> {
    await this.#options.availability.pass();
    if ((this.#owed.get(tenant)?.revision ?? 0) !== revision) return false;
    this.#owed.set(tenant, { after, revision: revision + 1 });
    return true;
  }

  /** How many letters; removed for good with `isRemoved`. */
  erase(tenant: TenantId, version: Version | undefined, isRemoved: boolean): number {
    const letters = this.#of(tenant);
    const found = [...letters.keys()].filter((key) => version === undefined || key === version);
    if (isRemoved) for (const key of found) letters.delete(key);
    return found.length;
  }

  eraseOwed(tenant: TenantId, isRemoved: boolean): number {
    const found = Number(this.#owed.has(tenant));
    if (isRemoved) this.#owed.delete(tenant);
    return found;
  }

  #of(token: string): Map<Version, Written> {
    const tenant = tenantOf(token as TenantId);
    const letters = this.#written.get(tenant) ?? new Map<Version, Written>();
    this.#written.set(tenant, letters);
    return letters;
  }

  #letter(tenant: string, version: Version): DeadLetter | null {
    const letter = this.#of(tenant).get(version)?.letter ?? null;
    if (letter !== foreign) return letter;
    const subject = deadLetterSubject(tenant, version);
    this.#options.quarantine.add({ stream: "DLQ", seq: version, subject, why: foreign });
    return null;
  }
}

/** What tenants are at, in memory. */

import type { TenantId } from "../../contract/ids.ts";
import { activeLife, type TenantLife } from "../../contract/tenant-life.ts";
import type { LifeStore, NamedLife, StoredLife } from "../life-port.ts";
import type { Availability } from "./availability.ts";

export class MemoryLives implements LifeStore {
  readonly #availability: Availability;
  readonly #lives = new Map<TenantId, StoredLife>();
  #revision = 0;

  constructor(availability: Availability) {
    this.#availability = availability;
  }

  async get(tenant: TenantId): Promise<StoredLife> {
    await this.#availability.pass();
    return this.#lives.get(tenant) ?? { life: activeLife, revision: 0 };
  }

  async put(tenant: TenantId, life: TenantLife, expectedRevision: number): Promise<boolean> {
    await this.#availability.pass();
    if ((this.#lives.get(tenant)?.revision ?? 0) !== expectedRevision) return false;
    this.#revision += 1;
    this.#lives.set(tenant, { life: structuredClone(life), revision: this.#revision });
    this.#availability.wake();
    return true;
  }

  async *all(): AsyncGenerator<NamedLife> {
    await this.#availability.pass();
    yield* this.#above(0);
  }

  async *watch(signal: AbortSignal): AsyncGenerator<NamedLife> {
    let seen = 0;
    while (!signal.aborted && this.#availability.open) {
      const [next] = this.#availability.available ? this.#above(seen) : [];
      if (next === undefined) {
        await this.#availability.changed(signal);
        continue;
      }
      seen = next.revision;
      yield next;
      await Promise.resolve();
    }
    this.#availability.endRead(signal);
  }

  #above(revision: number): readonly NamedLife[] {
    return [...this.#lives]
      .map(([tenant, stored]) => ({ tenant, ...stored }))
      .filter((stored) => stored.revision > revision)
      .sort((one, other) => one.revision - other.revision);
  }
}

/** What tenants are at, on JetStream. */

import type { TenantId } from "../../contract/ids.ts";
import { activeLife, type TenantLife } from "../../contract/tenant-life.ts";
import type { LifeStore, NamedLife, StoredLife } from "../life-port.ts";
import { decodeLife, encodeLife } from "../wire/life.ts";
import { lifeSubject, livesFilter } from "../wire/subjects.ts";
import type { NatsContext } from "./connection.ts";
import { NatsTenantRecords, type StoredValue } from "./tenant-records.ts";

export class NatsLives implements LifeStore {
  readonly #records: NatsTenantRecords<TenantLife>;

  constructor(context: NatsContext) {
    this.#records = new NatsTenantRecords(context, {
      ...{ subjectOf: lifeSubject, filter: livesFilter, encode: encodeLife, decode: decodeLife },
      silence: "a change of what a tenant is at got no answer",
    });
  }

  async get(tenant: TenantId): Promise<StoredLife> {
    const { value, revision } = await this.#records.get(tenant);
    return { life: value ?? activeLife, revision };
  }

  put(tenant: TenantId, life: TenantLife, expectedRevision: number): Promise<boolean> {
    return this.#records.put(tenant, life, expectedRevision);
  }

  async *all(): AsyncGenerator<NamedLife> {
    for await (const stored of this.#records.all()) yield named(stored);
  }

  async *watch(signal: AbortSignal): AsyncGenerator<NamedLife> {
    for await (const stored of this.#records.watch(signal)) yield named(stored);
  }
}

const named = ({ tenant, value, revision }: StoredValue<TenantLife>): NamedLife => ({
  ...{ tenant, life: value, revision },
});

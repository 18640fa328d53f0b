/** Which generations tenants have, on JetStream. */

import { firstGeneration, type TenantGenerations } from "../../contract/generation.ts";
import type { TenantId } from "../../contract/ids.ts";
import type { GenerationStore, NamedGenerations, StoredGenerations } from "../generation-port.ts";
import { decodeGenerations, encodeGenerations } from "../wire/generation.ts";
import { generationsFilter, generationsSubject } from "../wire/subjects.ts";
import type { NatsContext } from "./connection.ts";
import { NatsTenantRecords, type StoredValue } from "./tenant-records.ts";

export class NatsGenerations implements GenerationStore {
  readonly #records: NatsTenantRecords<TenantGenerations>;

  constructor(context: NatsContext) {
    this.#records = new NatsTenantRecords(context, {
      ...{ subjectOf: generationsSubject, filter: generationsFilter },
      ...{ encode: encodeGenerations, decode: decodeGenerations },
      silence: "a change of a tenant's generations got no answer",
    });
  }

  async get(name: TenantId): Promise<StoredGenerations> {
    const { value, revision } = await this.#records.get(name);
    return { generations: value ?? firstGeneration, revision };
  }

  put(tenant: TenantId, changed: TenantGenerations, expectedRevision: number): Promise<boolean> {
    return this.#records.put(tenant, changed, expectedRevision);
  }

  async *all(): AsyncGenerator<NamedGenerations> {
    for await (const stored of this.#records.all()) yield named(stored);
  }

  async *watch(signal: AbortSignal): AsyncGenerator<NamedGenerations> {
    for await (const stored of this.#records.watch(signal)) yield named(stored);
  }
}

const named = ({ tenant, value, revision }: StoredValue<TenantGenerations>): NamedGenerations => ({
  ...{ tenant, generations: value, revision },
});

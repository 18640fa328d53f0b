/** What tenants ask for beyond redaction, on JetStream: one message each, beside the manifest. */

import type { TenantId } from "../../contract/ids.ts";
import { noPrivacy, type TenantPrivacy } from "../../contract/tenant-privacy.ts";
import type { NamedPrivacy, PrivacyStore, StoredPrivacy } from "../privacy-port.ts";
import { decodePrivacy, encodePrivacy } from "../wire/privacy.ts";
import { privacyFilter, privacySubject } from "../wire/subjects.ts";
import type { NatsContext } from "./connection.ts";
import { NatsTenantRecords } from "./tenant-records.ts";

export class NatsPrivacy implements PrivacyStore {
  readonly #records: NatsTenantRecords<TenantPrivacy>;

  constructor(context: NatsContext) {
    this.#records = new NatsTenantRecords(context, {
      ...{ subjectOf: privacySubject, filter: privacyFilter },
      ...{ encode: encodePrivacy, decode: decodePrivacy },
      silence: "a change of what a tenant asks for got no answer",
    });
  }

  async get(tenant: TenantId): Promise<StoredPrivacy> {
    const { value, revision } = await this.#records.get(tenant);
    return { privacy: value ?? noPrivacy, revision };
  }

  put(tenant: TenantId, privacy: TenantPrivacy, expectedRevision: number): Promise<boolean> {
    return this.#records.put(tenant, privacy, expectedRevision);
  }

  async *all(): AsyncGenerator<NamedPrivacy> {
    for await (const { value: privacy, ...stored } of this.#records.all()) {
      yield { ...stored, privacy };
    }
  }
}

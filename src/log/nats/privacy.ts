/** What tenants ask for beyond redaction, on JetStream: one message each, beside the manifest. */

import { isTenantId, type TenantId } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { noPrivacy, type TenantPrivacy } from "../../contract/tenant-privacy.ts";
import type { NamedPrivacy, PrivacyStore, StoredPrivacy } from "../privacy-port.ts";
import { decodePrivacy, encodePrivacy } from "../wire/privacy.ts";
import { privacyFilter, privacySubject, tenantIn } from "../wire/subjects.ts";
import { type NatsContext, newestMessage } from "./connection.ts";
import { pullMessages } from "./pull.ts";
import { streamNames } from "./streams.ts";
import { NatsTenantRecords } from "./tenant-records.ts";

const stream = streamNames.manifests;

export class NatsPrivacy implements PrivacyStore {
  readonly #context: NatsContext;
  readonly #records: NatsTenantRecords<TenantPrivacy>;

  constructor(context: NatsContext) {
    this.#context = context;
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
    const newest = await newestMessage(this.#context, stream, privacyFilter);
    if (newest === null) return;
    const messages = pullMessages(this.#context, {
      ...{ stream, filter: privacyFilter, start: "newest-of-each", page: limits.pullMax },
      until: { through: newest.seq },
    });
    for await (const { subject, seq: revision, data } of messages) {
      const tenant = tenantIn(subject);
      const privacy = decodePrivacy(data);
      if (!isTenantId(tenant)) continue;
      // A foreign message in its place hides none: what lies below it counts.
      if (privacy === undefined) yield { tenant, ...(await this.get(tenant)) };
      else yield { tenant, privacy, revision };
    }
  }
}

/** The journal of tokens on JetStream: one message a tenant, beside its manifest. */

import type { TenantId } from "../../contract/ids.ts";
import type { DayTokens, TokenJournal } from "../../contract/quota.ts";
import { tokensSubject } from "../wire/subjects.ts";
import { decodeTokens, encodeTokens } from "../wire/tokens.ts";
import type { NatsContext } from "./connection.ts";
import { logError } from "./errors.ts";
import { newestReadable } from "./newest.ts";
import { publishPlain } from "./publish.ts";
import { streamNames } from "./streams.ts";

export class NatsTokens implements TokenJournal {
  readonly #context: NatsContext;

  constructor(context: NatsContext) {
    this.#context = context;
  }

  async get(tenant: TenantId): Promise<DayTokens | null> {
    const { value } = await newestReadable(this.#context, {
      ...{ stream: streamNames.manifests, subject: tokensSubject(tenant) },
      read: ({ data }) => decodeTokens(data),
    });
    return value;
  }

  async put(tenant: TenantId, tokens: DayTokens): Promise<void> {
    const message = { subject: tokensSubject(tenant), payload: encodeTokens(tokens) };
    try {
      await publishPlain(this.#context, message);
    } catch (thrown) {
      throw logError(thrown);
    }
  }
}

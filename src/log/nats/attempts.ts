/** The attempt journal on JetStream: one message a tenant, beside its manifest. */

import type { TenantId } from "../../contract/ids.ts";
import type { AttemptJournal, Attempts } from "../dead-letter-port.ts";
import { decodeAttempts, encodeAttempts } from "../wire/attempts.ts";
import { attemptsSubject } from "../wire/subjects.ts";
import type { NatsContext } from "./connection.ts";
import { logError } from "./errors.ts";
import { newestReadable } from "./newest.ts";
import { publishPlain } from "./publish.ts";
import { streamNames } from "./streams.ts";

export class NatsAttempts implements AttemptJournal {
  readonly #context: NatsContext;

  constructor(context: NatsContext) {
    this.#context = context;
  }

  async get(tenant: TenantId): Promise<Attempts | null> {
    const { value } = await newestReadable(this.#context, {
      ...{ stream: streamNames.manifests, subject: attemptsSubject(tenant) },
      read: ({ data }) => decodeAttempts(data),
    });
    return value;
  }

  async put(tenant: TenantId, attempts: Attempts): Promise<void> {
    const message = { subject: attemptsSubject(tenant), payload: encodeAttempts(attempts) };
    try {
      await publishPlain(this.#context, message);
    } catch (thrown) {
      throw logError(thrown);
    }
  }
}

/** The attempt journal on JetStream: one message a tenant, beside its manifest. */

import { z } from "zod";
import type { Epoch, TenantId, Version } from "../../contract/ids.ts";
import { jsonIn } from "../json-message.ts";
import type { AttemptJournal, Attempts } from "../port.ts";
import type { NatsContext } from "./connection.ts";
import { logError } from "./errors.ts";
import { newestReadable } from "./newest.ts";
import { publishPlain } from "./publish.ts";
import { manifestSubjects, streamNames } from "./streams.ts";

const attemptsSchema = z.object({
  upTo: z.int().transform((value) => value as Version),
  lives: z.int().min(1),
  epoch: z.int().transform((value) => value as Epoch),
});

const subjectOf = (tenant: TenantId): string => `${manifestSubjects}.attempts.${tenant}`;
const encoder = new TextEncoder();

export class NatsAttempts implements AttemptJournal {
  readonly #context: NatsContext;

  constructor(context: NatsContext) {
    this.#context = context;
  }

  async get(tenant: TenantId): Promise<Attempts | null> {
    const { value } = await newestReadable(this.#context, {
      ...{ stream: streamNames.manifests, subject: subjectOf(tenant) },
      read: ({ data }) => jsonIn(attemptsSchema, data),
    });
    return value;
  }

  async put(tenant: TenantId, { upTo, lives, epoch }: Attempts): Promise<void> {
    const payload = encoder.encode(JSON.stringify({ upTo, lives, epoch }));
    try {
      await publishPlain(this.#context, { subject: subjectOf(tenant), payload });
    } catch (thrown) {
      throw logError(thrown);
    }
  }
}

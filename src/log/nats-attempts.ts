/** The attempt journal on JetStream: one message a tenant, beside its manifest. */

import { z } from "zod";
import type { Epoch, TenantId, Version } from "../contract/ids.ts";
import { type NatsContext, newestMessage, publishPlain } from "./nats-connection.ts";
import { logError } from "./nats-errors.ts";
import { manifestSubjects, streamNames } from "./nats-streams.ts";
import type { AttemptJournal, Attempts } from "./port.ts";

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
    const message = await newestMessage(this.#context, streamNames.manifests, subjectOf(tenant));
    return message === null ? null : attemptsIn(message.string());
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

function attemptsIn(text: string): Attempts | null {
  try {
    return attemptsSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

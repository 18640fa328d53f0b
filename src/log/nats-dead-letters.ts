/** The dead-letter stream: one message for each operation that was refused, as long as the stream has it. */

import { z } from "zod";
import { type ErrorCode, errorTable, FreshetError } from "../contract/errors.ts";
import { type DocumentId, isDocumentId, type Position, type Version } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { type NatsContext, newestMessage, publishPlain } from "./nats-connection.ts";
import { isSubjectTaken, logError } from "./nats-errors.ts";
import { pullMessages } from "./nats-pull.ts";
import { streamNames } from "./nats-streams.ts";
import type { DeadLetter, DeadLetterLog } from "./port.ts";
import { deadLetterOf, deadLettersOf } from "./subjects.ts";

const letterSchema = z.object({
  tenant: z.string(),
  version: z.int().transform((value) => value as Version),
  documentId: z.custom<DocumentId>((id) => typeof id === "string" && isDocumentId(id)).nullable(),
  reason: z.custom<ErrorCode>(
    (code) => typeof code === "string" && Object.hasOwn(errorTable, code),
  ),
  message: z.string(),
  atMs: z.number(),
  position: z
    .int()
    .transform((value) => value as Position)
    .optional(),
});

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class NatsDeadLetters implements DeadLetterLog {
  readonly #context: NatsContext;

  constructor(context: NatsContext) {
    this.#context = context;
  }

  async publish(letter: DeadLetter): Promise<void> {
    const { tenant, version, documentId, reason, message, atMs, position } = letter;
    const body = JSON.stringify({ tenant, version, documentId, reason, message, atMs, position });
    try {
      const subject = deadLetterOf(tenant, version);
      await publishPlain(this.#context, { subject, payload: encoder.encode(body) });
    } catch (thrown) {
      if (!isSubjectTaken(thrown)) throw logError(thrown);
    }
  }

  async list(tenant: string, max: number, after = 0 as Version): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = [];
    const stream = streamNames.deadLetters;
    const filter = deadLettersOf(tenant);
    const newest = max < 1 ? null : await newestMessage(this.#context, stream, filter);
    if (newest === null) return letters;
    const messages = pullMessages(this.#context, {
      stream,
      filter,
      start: 1,
      until: { through: newest.seq },
      page: limits.pullMax,
    });
    for await (const { data } of messages) {
      const letter = letterIn(data);
      // A long token is cut in the subject, so that several may share one.
      if (letter.tenant !== tenant || letter.version <= after) continue;
      letters.push(letter);
      if (letters.length >= max) break;
    }
    return letters;
  }

  async get(tenant: string, version: Version): Promise<DeadLetter | null> {
    const subject = deadLetterOf(tenant, version);
    const message = await newestMessage(this.#context, streamNames.deadLetters, subject);
    return message === null ? null : letterIn(message.data);
  }
}

function letterIn(data: Uint8Array): DeadLetter {
  const parsed = letterSchema.safeParse(JSON.parse(decoder.decode(data)));
  if (!parsed.success) throw new FreshetError("internal", "a dead letter is malformed");
  return parsed.data;
}

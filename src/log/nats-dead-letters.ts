/** The dead-letter stream: one message for each operation that was refused, as long as the stream has it. */

import { z } from "zod";
import { type ErrorCode, errorTable } from "../contract/errors.ts";
import { type DocumentId, isDocumentId, type Position, type Version } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { jsonIn } from "./json-message.ts";
import type { NatsContext } from "./nats-connection.ts";
import { isSubjectTaken, logError } from "./nats-errors.ts";
import { newestReadable } from "./nats-newest.ts";
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

export class NatsDeadLetters implements DeadLetterLog {
  readonly #context: NatsContext;

  constructor(context: NatsContext) {
    this.#context = context;
  }

  async publish(letter: DeadLetter): Promise<void> {
    const { tenant, version, documentId, reason, message, atMs, position } = letter;
    const body = JSON.stringify({ tenant, version, documentId, reason, message, atMs, position });
    try {
      await this.#context.js.publish(deadLetterOf(tenant, version), encoder.encode(body));
    } catch (thrown) {
      if (!isSubjectTaken(thrown)) throw logError(thrown);
    }
  }

  async list(tenant: string, max: number, after = 0 as Version): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = [];
    if (max < 1) return letters;
    const messages = pullMessages(this.#context, {
      stream: streamNames.deadLetters,
      filter: deadLettersOf(tenant),
      start: 1,
      endless: false,
      page: limits.pullMax,
    });
    for await (const { data, seq, subject } of messages) {
      const letter = jsonIn(letterSchema, data);
      if (letter === undefined) {
        const stream = streamNames.deadLetters;
        this.#context.quarantine.add({ stream, seq, subject, why: "foreign" });
        continue;
      }
      // A long token is cut in the subject, so that several may share one.
      if (letter.tenant !== tenant || letter.version <= after) continue;
      letters.push(letter);
      if (letters.length >= max) break;
    }
    return letters;
  }

  async get(tenant: string, version: Version): Promise<DeadLetter | null> {
    const subject = deadLetterOf(tenant, version);
    const { value } = await newestReadable(this.#context, {
      ...{ stream: streamNames.deadLetters, subject },
      read: ({ data }) => jsonIn(letterSchema, data),
    });
    return value;
  }
}

/**
 * The dead-letter stream: one message for each operation that was refused, as long as the stream
 * keeps it.
 */

import type { PurgeOpts } from "nats";
import { noVersion, type TenantId, type Version } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { letterShareOf } from "../dead-letter.ts";
import type { DeadLetter, DeadLetterLog, OwedLetters } from "../dead-letter-port.ts";
import { decodeDeadLetter, decodeOwed, encodeDeadLetter, encodeOwed } from "../wire/dead-letter.ts";
import { deadLetterSubject, deadLettersFilter, owedSubject } from "../wire/subjects.ts";
import { type NatsContext, newestMessage } from "./connection.ts";
import { isSubjectTaken, logError } from "./errors.ts";
import { newestReadable } from "./newest.ts";
import { publishIfLast, publishPlain } from "./publish.ts";
import { pullMessages } from "./pull.ts";
import { streamInfo, streamNames } from "./streams.ts";

export class NatsDeadLetters implements DeadLetterLog {
  readonly #context: NatsContext;

  constructor(context: NatsContext) {
    this.#context = context;
  }

  async publish(letter: DeadLetter): Promise<void> {
    const subject = deadLetterSubject(letter.tenant, letter.version);
    try {
      await publishPlain(this.#context, { subject, payload: encodeDeadLetter(letter) });
    } catch (thrown) {
      if (!isSubjectTaken(thrown)) throw logError(thrown);
    }
  }

  async list(tenant: string, max: number, after = noVersion): Promise<DeadLetter[]> {
    const stream = streamNames.deadLetters;
    const filter = deadLettersFilter(tenant);
    const newest = max < 1 ? null : await newestMessage(this.#context, stream, filter);
    if (newest === null) return [];
    const found = new Firsts(max);
    const messages = pullMessages(this.#context, {
      stream,
      filter,
      start: 1,
      until: { through: newest.seq },
      page: limits.pullMax,
    });
    for await (const { data, seq, subject } of messages) {
      const letter = decodeDeadLetter(data);
      if (letter === undefined) {
        this.#context.quarantine.add({ stream, seq, subject, why: "foreign" });
        continue;
      }
      // A long token is cut in the subject, so several may share one.
      if (letter.tenant === tenant && letter.version > after) found.add(letter);
    }
    return found.letters();
  }

  async get(tenant: string, version: Version): Promise<DeadLetter | null> {
    const subject = deadLetterSubject(tenant, version);
    const { value } = await newestReadable(this.#context, {
      ...{ stream: streamNames.deadLetters, subject },
      read: ({ data }) => decodeDeadLetter(data),
    });
    return value;
  }

  async last(tenant: string): Promise<Version> {
    const filter = deadLettersFilter(tenant);
    const message = await newestMessage(this.#context, streamNames.deadLetters, filter);
    const letter = message === null ? undefined : decodeDeadLetter(message.data);
    return letter?.tenant === tenant ? letter.version : noVersion;
  }

  async trim(tenant: string): Promise<number> {
    const info = await streamInfo(this.#context, "deadLetters");
    if (info === null) return 0;
    return this.#purge({
      filter: deadLettersFilter(tenant),
      keep: letterShareOf(info.config.max_bytes),
    });
  }

  async purgeBefore(atMs: number): Promise<number> {
    const [stream, filter] = [streamNames.deadLetters, "dlq.>"];
    if ((await streamInfo(this.#context, "deadLetters")) === null) return 0;
    const newest = await newestMessage(this.#context, stream, filter);
    if (newest === null) return 0;
    if (newest.time.getTime() < atMs) return this.#purge({ seq: newest.seq + 1 });
    const messages = pullMessages(this.#context, {
      ...{ stream, filter, start: { sinceMs: atMs }, until: { through: newest.seq } },
      ...{ headersOnly: true, page: 1 },
    });
    for await (const { seq } of messages) return seq <= 1 ? 0 : this.#purge({ seq });
    // What the leader named was purged meanwhile, by another process that did the same.
    return 0;
  }

  async owed(tenant: TenantId): Promise<OwedLetters> {
    const message = await newestMessage(this.#context, streamNames.manifests, owedSubject(tenant));
    if (message === null) return { after: null, revision: 0 };
    return { after: decodeOwed(message.data), revision: message.seq };
  }

  async owe(tenant: TenantId, { after, revision }: OwedLetters): Promise<boolean> {
    const outcome = await publishIfLast(this.#context, {
      subject: owedSubject(tenant),
      payload: encodeOwed(after),
      expectedLast: revision,
    });
    if (outcome.kind === "stored") return true;
    if (outcome.kind === "unknown") throw outcome.error;
    // Refused is also a repetition of the client's own whose first attempt had landed.
    return (await this.owed(tenant)).after === after;
  }

  async #purge(what: PurgeOpts): Promise<number> {
    try {
      const { purged } = await this.#context.jsm.streams.purge(streamNames.deadLetters, what);
      return purged;
    } catch (thrown) {
      throw logError(thrown);
    }
  }
}

/** The dead letters of lowest version among those that are added, in bounded memory. */
class Firsts {
  readonly #max: number;
  #letters: DeadLetter[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  add(letter: DeadLetter): void {
    this.#letters.push(letter);
    if (this.#letters.length >= 2 * this.#max) this.#letters = this.letters();
  }

  letters(): DeadLetter[] {
    return this.#letters.sort((one, other) => one.version - other.version).slice(0, this.#max);
  }
}

/**
 * A client of Freshet, the same over HTTP and NATS.
 *
 * Owns, for each tenant, the newest `seq` that was published through it: questions name it as their
 * `min_seq`, so they see what was published before them. Never opens a connection by itself, and
 * keeps no other state.
 *
 *   CL1  a publish has a key, also one that the caller did not give: sent again after a failure, it
 *        is stored once, and it is not sent again when the engine may have forgotten the key;
 *   CL2  what is repeated are requests that change nothing, and publishes with their key; a stream
 *        is not begun again once a piece of it has come;
 *   CL3  events come once and in order across reconnects: each is after the position of the last.
 */

import {
  linesOfOperations,
  linesOfText,
  type Many,
  type ManyResult,
  publishBatches,
} from "./batches.ts";
import { FreshetError } from "./errors.ts";
import {
  isPassing,
  ordinarySurroundings,
  pause,
  type Retries,
  retriesOf,
  SentKey,
  type Surroundings,
  withRetries,
} from "./retry.ts";
import { type Published, type Settled, settle } from "./settle.ts";
import type { Asked, Sending, Transport } from "./transport.ts";
import type {
  Answer,
  AnswerPiece,
  Document,
  DocumentEvent,
  DocumentPage,
  DocumentState,
  Question,
  QuestionOptions,
} from "./types.ts";

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface PublishOptions extends CallOptions {
  /** 1-200 printable characters; the engine remembers it for two minutes. By default a new one. */
  readonly idempotencyKey?: string | undefined;
}

export interface WaitOptions extends CallOptions {
  readonly timeoutMs?: number | undefined;
}

export interface EventsOptions extends CallOptions {
  /** The newest event that the caller has: the stream continues behind it. */
  readonly after?: number | undefined;
  /** The first operation that is wanted. Without either: from now on. */
  readonly fromSeq?: number | undefined;
}

export interface ClientOptions {
  /** Over HTTP only where no keys are configured: else the key says it. */
  readonly tenant?: string | undefined;
  readonly retries?: Partial<Retries> | undefined;
  /** One attempt of a request that is no question. */
  readonly timeoutMs?: number | undefined;
  /** For tests. */
  readonly surroundings?: Surroundings | undefined;
}

/** What a search found; where it found nothing, only that. */
export type Found = Pick<Answer, "sources"> & Partial<Omit<Answer, "sources" | "answer">>;

/** A stream of events says something every ten seconds. */
const eventsTimeoutMs = 35_000;
/** A question has its own deadline; what comes on top is the way there and back. */
const deadlineMsDefault = 30_000;
const marginMs = 5_000;
const waitMsDefault = 30_000;
/** Failures in a row, some five minutes: an engine that is updated is away for less. */
const eventsAttemptsMax = 60;
const batchLinesMax = 500;

export class Freshet {
  readonly #transport: Transport;
  readonly #options: ClientOptions;
  /** By tenant; shared by the clients that `forTenant` makes. */
  readonly #newest: Map<string, number>;

  constructor(
    transport: Transport,
    options: ClientOptions = {},
    newest = new Map<string, number>(),
  ) {
    this.#transport = transport;
    this.#options = options;
    this.#newest = newest;
  }

  /** The same way to the engine for another tenant. */
  forTenant(tenant: string): Freshet {
    return new Freshet(this.#transport, { ...this.#options, tenant }, this.#newest);
  }

  /** What the next question will see at least; undefined before the first publish. */
  get minSeq(): number | undefined {
    return this.#newest.get(this.#tenant);
  }

  /** Takes over from another client, or a process before this one. */
  sawSeq(seq: number): void {
    this.#newest.set(this.#tenant, Math.max(seq, this.minSeq ?? 0));
  }

  publish(document: Document, options: PublishOptions = {}): Promise<Published> {
    return this.#publish(document, options);
  }

  delete(id: string, options: PublishOptions = {}): Promise<Published> {
    return this.#publish({ op: "delete", id }, options);
  }

  /** In their order, each with a result of its own: a refused one stops no other. */
  publishMany(
    operations: Many<Document | { readonly op: "delete"; readonly id: string }>,
    options: PublishOptions = {},
  ): Promise<readonly ManyResult[]> {
    return this.#publishLines(linesOfOperations(operations), options);
  }

  /** A text, or pieces of one; `index` is the line, counted from 0. */
  publishNdjson(
    text: string | Many<string>,
    options: PublishOptions = {},
  ): Promise<readonly ManyResult[]> {
    return this.#publishLines(linesOfText(text), options);
  }

  /**
   * Resolves when all of it was dealt with, with what became of each.
   * @throws FreshetError the reason of the first that was rejected; `not_visible_yet`
   */
  waitUntilVisible(
    published: Published | readonly (Published | ManyResult)[],
    { signal, timeoutMs = waitMsDefault }: WaitOptions = {},
  ): Promise<readonly Settled[]> {
    const all = [published].flat().filter((one): one is Published => "seq" in one);
    return settle(all, {
      ...{ signal, timeoutMs, surroundings: this.#surroundings },
      events: (options) => this.events(options),
      document: (id, options) => this.document(id, options),
    });
  }

  ask(question: string | Question, options: CallOptions = {}): Promise<Answer> {
    return this.#ask(this.#asked(question, "answer"), options);
  }

  /** No model is asked. Nothing found is an empty list, no error, which `coverage` may doubt. */
  async search(question: string | Question, options: CallOptions = {}): Promise<Found> {
    try {
      return await this.#ask(this.#asked(question, "search"), options);
    } catch (thrown) {
      if (!(thrown instanceof FreshetError) || thrown.code !== "no_results") throw thrown;
      return nothingFound(thrown);
    }
  }

  /** Pieces as they come, the whole answer last. Leaving the loop ends the work. */
  async *stream(
    question: string | Question,
    options: CallOptions = {},
  ): AsyncGenerator<AnswerPiece, void> {
    const asked = this.#asked(question, "answer");
    const sending = this.#sending(options, timeOf(asked));
    for (let made = 1; ; made += 1) {
      let hasBegun = false;
      try {
        for await (const piece of this.#transport.stream(asked, sending)) {
          hasBegun = true;
          yield piece;
        }
        return;
      } catch (thrown) {
        this.#forgetLost(thrown);
        const { retries } = this.#retrying(options);
        if (hasBegun || made >= retries.attemptsMax || !isPassing(thrown)) throw thrown;
        await pause(made, thrown.retryAfterMs, this.#retrying(options));
      }
    }
  }

  /** Without end; continues by itself where the way breaks (CL3). */
  async *events(options: EventsOptions = {}): AsyncGenerator<DocumentEvent, void> {
    const { fromSeq } = options;
    let after = options.after ?? (fromSeq === undefined ? undefined : Math.max(fromSeq - 1, 0));
    const sending = this.#sending(options, eventsTimeoutMs);
    const retrying = this.#retrying(options);
    for (let made = 1; ; made += 1) {
      try {
        for await (const step of this.#transport.events(after, sending)) {
          for (const event of step.events) {
            after = event.seq;
            yield event;
          }
          after = Math.max(step.after, after ?? 0);
          made = 1;
        }
      } catch (thrown) {
        if (made >= eventsAttemptsMax || !isPassing(thrown)) throw thrown;
      }
      await pause(made, undefined, retrying);
    }
  }

  document(id: string, options: CallOptions = {}): Promise<DocumentState> {
    const sending = this.#sending(options);
    return withRetries(() => this.#transport.document(id, sending), this.#retrying(options));
  }

  /** Every live document, in no order, page by page as they are needed. */
  async *documents(
    options: CallOptions & { readonly pageSize?: number | undefined } = {},
  ): AsyncGenerator<DocumentPage["documents"][number], void> {
    const sending = this.#sending(options);
    let after: string | undefined;
    for (;;) {
      const asked = { after, limit: options.pageSize };
      const page = await withRetries(
        () => this.#transport.documents(asked, sending),
        this.#retrying(options),
      );
      yield* page.documents;
      if (page.next === null) return;
      after = page.next;
    }
  }

  // --- below: what the methods share ------------------------------------------------------------

  get #tenant(): string {
    return this.#options.tenant ?? "";
  }

  get #surroundings(): Surroundings {
    return this.#options.surroundings ?? ordinarySurroundings;
  }

  async #publish(
    operation: Document | { readonly op: "delete"; readonly id: string },
    options: PublishOptions,
  ): Promise<Published> {
    const key = options.idempotencyKey ?? crypto.randomUUID();
    const sending = this.#sending(options);
    const send = () => this.#transport.publish(operation, key, sending);
    const retrying = { ...this.#retrying(options), key: new SentKey(this.#surroundings) };
    const { seq } = await withRetries(send, retrying);
    this.sawSeq(seq);
    return { id: operation.id, seq };
  }

  async #publishLines(
    lines: ReturnType<typeof linesOfText>,
    options: PublishOptions,
  ): Promise<readonly ManyResult[]> {
    const sending = this.#sending(options);
    const results = await publishBatches(lines, {
      ...this.#retrying(options),
      ...{ bytesMax: this.#transport.batchBytesMax, linesMax: batchLinesMax },
      key: options.idempotencyKey ?? crypto.randomUUID(),
      send: (text, key) => this.#transport.publishLines(text, key, sending),
    });
    for (const result of results) if ("seq" in result) this.sawSeq(result.seq);
    return results;
  }

  async #ask(asked: Asked, options: CallOptions): Promise<Answer> {
    const sending = this.#sending(options, timeOf(asked));
    try {
      const attempt = () => this.#transport.ask(asked, sending);
      return await withRetries(attempt, this.#retrying(options));
    } catch (thrown) {
      this.#forgetLost(thrown);
      throw thrown;
    }
  }

  #asked(question: string | Question, mode: Asked["mode"]): Asked {
    const given: Question = typeof question === "string" ? { query: question } : question;
    const minSeq = given.min_seq ?? this.minSeq;
    return { ...given, mode, ...(minSeq === undefined ? {} : { min_seq: minSeq }) };
  }

  /** The log is another one: what was published is not in it, and later questions need not wait. */
  #forgetLost(thrown: unknown): void {
    const isLost = thrown instanceof FreshetError && thrown.code === "wrong_incarnation";
    if (isLost) this.#newest.delete(this.#tenant);
  }

  #sending({ signal }: CallOptions, timeoutMs = this.#options.timeoutMs ?? 15_000): Sending {
    return { tenant: this.#options.tenant, signal, timeoutMs };
  }

  #retrying({ signal }: CallOptions) {
    const retries = retriesOf(this.#options.retries);
    return { retries, surroundings: this.#surroundings, signal };
  }
}

function timeOf({ deadline_ms = deadlineMsDefault }: QuestionOptions): number {
  return deadline_ms + marginMs;
}

/** Where a filter hid too many to look at all, an empty list does not say that nothing is there. */
function nothingFound({ details }: FreshetError): Found {
  if (details?.["coverage"] !== "partial") return { sources: [] };
  return { sources: [], coverage: { hot: "complete", cold: "partial", llm: "none" } };
}

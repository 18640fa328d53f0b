/**
 * To the engine over NATS, by a connection of the user's: `nats` 2, `@nats-io/transport-node` 3 or
 * anything of their form. It is neither opened nor closed here.
 *
 *   CP1  each request has an inbox and an id of its own; leaving early sends a cancel with that id;
 *   CP2  a piece that is missing fails the reply (`protocol`): an answer is never short of words.
 */

import { errorOf, FreshetError, unreachable } from "./errors.ts";
import { type Form, jsonOf, replyOf } from "./replies.ts";
import type { EventStep, Sending, Transport } from "./transport.ts";
import type { Answer, AnswerPiece, DocumentEvent } from "./types.ts";

export interface NatsHeaders {
  get(name: string): string;
  set(name: string, value: string): void;
  /** 503 where the server found nobody who answers. */
  readonly code?: number | undefined;
}

export interface NatsMessage {
  readonly data: Uint8Array;
  readonly headers?: NatsHeaders | undefined;
}

/** The part of a connection that is used; `Headers` are those of its library. */
export interface NatsConnectionLike<Headers extends NatsHeaders = NatsHeaders> {
  publish(
    subject: string,
    data: Uint8Array,
    options: { readonly reply?: string; readonly headers?: Headers },
  ): void;
  subscribe(
    subject: string,
    options: { readonly callback: (error: Error | null, message: NatsMessage) => void },
  ): { unsubscribe(): void };
  readonly info?: { readonly max_payload: number } | undefined;
}

export interface NatsOptions<Headers extends NatsHeaders = NatsHeaders> {
  readonly connection: NatsConnectionLike<Headers>;
  /** `headers` of the library that the connection comes from. */
  readonly headers: () => Headers;
  /** `_INBOX.<tenant>` where all tenants share an account. */
  readonly inboxPrefix?: string | undefined;
}

interface Call {
  /** `query`, or what follows `api.<tenant>.`. */
  readonly endpoint: string;
  readonly data: Uint8Array;
  readonly named?: Readonly<Record<string, string>>;
}

interface Piece {
  readonly event: string;
  readonly value: unknown;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const noResponders = 503;
/** Of a request's headers and subjects, beside its body. */
const headRoomBytes = 4 * 1024;
const payloadDefault = 1024 * 1024;
/** How long the engine keeps a request for events that have not come. */
const listenMs = 20_000;

export function natsTransport<Headers extends NatsHeaders>(
  options: NatsOptions<Headers>,
): Transport {
  const call = async <Reply>(what: Call, form: Form, sending: Sending): Promise<Reply> => {
    for await (const { event, value } of exchange(options, what, sending)) {
      if (event === "done") return replyOf<Reply>(value, form);
    }
    throw unreachable("the reply ended before it was complete");
  };
  const asJson = (endpoint: string, body: unknown, named = {}): Call => ({
    ...{ endpoint, data: encoder.encode(JSON.stringify(body)), named },
  });
  return {
    get batchBytesMax() {
      return (options.connection.info?.max_payload ?? payloadDefault) - headRoomBytes;
    },
    ask: ({ mode, ...question }, sending) =>
      call<Answer>(asJson(mode === "search" ? "search" : "query", question), "answer", sending),
    async *stream(question, sending) {
      const asked = asJson("query", { ...question, stream: true });
      for await (const { event, value } of exchange(options, asked, sending)) {
        if (event !== "done") yield { ...(value as object), type: event } as AnswerPiece;
        else yield { type: "done", answer: replyOf<Answer>(value, "answer") };
      }
    },
    publish: (operation, key, sending) =>
      call(asJson("publish", operation, { "Nats-Msg-Id": key }), "published", sending),
    publishLines: (lines, key, sending) => {
      const named = { "Nats-Msg-Id": key, "Content-Type": "application/x-ndjson" };
      const what: Call = { endpoint: "publish", data: encoder.encode(lines), named };
      return call(what, "lines", sending);
    },
    document: (id, sending) => call(asJson("document", { id }), "document", sending),
    documents: (page, sending) => call(asJson("document", page), "page", sending),
    async *events(after, sending) {
      let position = after;
      for (;;) {
        const asked = position === undefined ? {} : { after: position, wait_ms: listenMs };
        const within = { ...sending, timeoutMs: sending.timeoutMs + listenMs };
        const step: EventStep = await call<{ events: DocumentEvent[]; after: number }>(
          asJson("listen", asked),
          "events",
          within,
        );
        position = step.after;
        yield step;
      }
    },
  };
}

/** The pieces of one reply, the last one included. @throws FreshetError, the signal's reason */
async function* exchange<Headers extends NatsHeaders>(
  options: NatsOptions<Headers>,
  call: Call,
  sending: Sending,
): AsyncGenerator<Piece> {
  const { connection } = options;
  const { signal, timeoutMs } = sending;
  signal?.throwIfAborted();
  const id = crypto.randomUUID();
  const subject = subjectOf(call.endpoint, sending.tenant);
  const head = headersOf(options, { ...call.named, "Freshet-Request-Id": id });
  mustFit(connection, call.data);
  const inbox = `${options.inboxPrefix ?? "_INBOX"}.${id}`;
  const queue = new Queue<NatsMessage>();
  const heard = subscribe(connection, inbox, (error, message) => {
    if (error === null) queue.push(message);
    else queue.fail(unreachable("the inbox was refused", error));
  });
  const onAbort = (): void => queue.fail(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  let isOver = false;
  try {
    publish(connection, { subject, data: call.data, reply: inbox, headers: head });
    for (let expected = 1; !isOver; expected += 1) {
      const piece = pieceOf(await queue.next(timeoutMs), expected);
      isOver = piece.event === "done";
      yield piece;
    }
  } catch (thrown) {
    // The engine's own errors end its work; one of ours does not.
    isOver = thrown instanceof FreshetError && !ownCodes.has(thrown.code);
    throw thrown;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    heard.unsubscribe();
    // CP1. What nobody waits for any more is not worth an answer.
    const cancel = subjectOf("cancel", sending.tenant);
    if (!isOver) publishIfPossible(connection, { subject: cancel, data: encoder.encode(id) });
  }
}

interface Publish<Headers> {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reply?: string;
  readonly headers?: Headers;
}

/** Of this client, not of the engine. */
const ownCodes: ReadonlySet<string> = new Set(["unreachable", "protocol"]);

/** What is thrown already counts more than a cancel that cannot be sent. */
function publishIfPossible<Headers extends NatsHeaders>(
  connection: NatsConnectionLike<Headers>,
  message: Publish<Headers>,
): void {
  try {
    publish(connection, message);
  } catch {
    // The deadline ends the work.
  }
}

type Callback = Parameters<NatsConnectionLike["subscribe"]>[1]["callback"];

/** @throws FreshetError when the connection is closed */
function subscribe(connection: NatsConnectionLike<never>, subject: string, callback: Callback) {
  try {
    return connection.subscribe(subject, { callback });
  } catch (cause) {
    throw unreachable("the connection takes no subscription: is it closed?", cause);
  }
}

/** @throws FreshetError */
function headersOf<Headers extends NatsHeaders>(
  options: NatsOptions<Headers>,
  named: Readonly<Record<string, string>>,
): Headers {
  const head = options.headers();
  for (const [name, value] of Object.entries(named)) {
    if (!/^[^\p{Cc}]+$/u.test(value)) {
      throw new FreshetError("invalid_request", `${name}: it must be printable characters`);
    }
    head.set(name, value);
  }
  return head;
}

/** A message that the server does not take will never be taken. @throws FreshetError */
function mustFit({ info }: NatsConnectionLike<never>, data: Uint8Array): void {
  if (info === undefined || data.byteLength + headRoomBytes <= info.max_payload) return;
  const says = `a message of ${data.byteLength} bytes: this NATS takes ${info.max_payload} at most`;
  throw new FreshetError("document_too_large", says, { status: 413 });
}

/** @throws FreshetError when the connection is closed */
function publish<Headers extends NatsHeaders>(
  connection: NatsConnectionLike<Headers>,
  { subject, data, ...options }: Publish<Headers>,
): void {
  try {
    connection.publish(subject, data, options);
  } catch (cause) {
    throw unreachable("the connection takes no message", cause);
  }
}

/** As the engine has it. A blank or a dot would make another subject, or another message, of it. */
const tenantName = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * Questions have a root of their own; in its own account a tenant's name is left out.
 * @throws FreshetError
 */
function subjectOf(endpoint: string, tenant: string | undefined): string {
  if (tenant !== undefined && !tenantName.test(tenant)) {
    const says = "a tenant is 1-64 letters, digits, _ or -";
    throw new FreshetError("invalid_tenant", says, { status: 400 });
  }
  const own = tenant === undefined ? "" : `.${tenant}`;
  return endpoint === "query" ? `query${own}` : `api${own}.${endpoint}`;
}

/** CP2. @throws FreshetError what the piece tells */
function pieceOf(message: NatsMessage, expected: number): Piece {
  const { headers, data } = message;
  if (headers?.code === noResponders && data.byteLength === 0) {
    throw unreachable("no engine answers on this NATS");
  }
  const value = data.byteLength === 0 ? undefined : jsonOf(decoder.decode(data));
  const code = headers?.get("Nats-Service-Error-Code") ?? "";
  if (code !== "") {
    throw errorOf(value, { status: Number(code), retryAfter: headers?.get("Retry-After") });
  }
  const seq = headers?.get("Freshet-Seq") ?? "";
  if (seq !== String(expected)) {
    throw new FreshetError("protocol", "a piece of the reply was lost", { retryable: true });
  }
  return { event: headers?.get("Freshet-Event") ?? "", value };
}

/** What came and was not taken yet. */
class Queue<Item> {
  readonly #items: Item[] = [];
  #failure: { readonly thrown: unknown } | undefined;
  #wake: () => void = () => undefined;

  push(item: Item): void {
    this.#items.push(item);
    this.#wake();
  }

  fail(thrown: unknown): void {
    this.#failure ??= { thrown };
    this.#wake();
  }

  async next(timeoutMs: number): Promise<Item> {
    if (this.#items.length === 0 && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    if (this.#failure !== undefined) throw this.#failure.thrown;
    const item = this.#items.shift();
    if (item === undefined) throw unreachable(`nothing was heard for ${timeoutMs} ms`);
    return item;
  }
}

/**
 * To the engine over HTTP, by the platform's `fetch`: Node from 20 on, browsers, edge runtimes.
 *
 * Owns nothing between two calls. Never retries, and never keeps a response that it does not read.
 */

import { errorOf, FreshetError, isRecord, unreachable } from "./errors.ts";
import { chunksOf, type ServerSentEvent, serverSentEvents } from "./sse.ts";
import type { Asked, EventStep, Sending, Transport } from "./transport.ts";
import type {
  Answer,
  AnswerPiece,
  DocumentEvent,
  DocumentPage,
  DocumentState,
  LineResult,
} from "./types.ts";

export interface HttpOptions {
  /** `http://127.0.0.1:8787`. */
  readonly url: string;
  /** An API key, or a token of the identity provider; a function is asked for each request. */
  readonly apiKey?: string | (() => string | Promise<string>) | undefined;
  readonly fetch?: typeof fetch | undefined;
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

interface Call {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly type?: string;
  readonly body?: string;
  readonly named?: Readonly<Record<string, string>>;
}

const json = "application/json";

export function httpTransport(options: HttpOptions): Transport {
  const post = (path: string, body: unknown, named = {}): Call => ({
    ...{ method: "POST", path, type: json, body: JSON.stringify(body), named },
  });
  const call = async <Reply>(what: Call, sending: Sending): Promise<Reply> => {
    const watch = watchOf(sending);
    try {
      const response = await send(options, what, { ...sending, signal: watch.signal });
      return (await response.json()) as Reply;
    } catch (thrown) {
      throw failureOf(thrown, sending, watch);
    } finally {
      watch.end();
    }
  };
  return {
    batchBytesMax: 1024 * 1024,
    ask: (question, sending) => call<Answer>(post("/answer", question), sending),
    stream: (question, sending) => stream(options, question, sending),
    publish: (operation, key, sending) =>
      call(post("/v1/documents", operation, { "idempotency-key": key }), sending),
    publishLines: (body, key, sending) => {
      const named = { "idempotency-key": key };
      const what: Call = { method: "POST", path: "/v1/documents", body, named, type: ndjson };
      return call<{ results: readonly LineResult[] }>(what, sending);
    },
    document: (id, sending) => {
      const path = `/v1/documents/${encodeURIComponent(id)}`;
      return call<DocumentState>({ method: "GET", path }, sending);
    },
    documents: ({ after, limit }, sending) => {
      const query = new URLSearchParams();
      if (after !== undefined) query.set("after", after);
      if (limit !== undefined) query.set("limit", String(limit));
      return call<DocumentPage>({ method: "GET", path: `/v1/documents?${query}` }, sending);
    },
    events: (after, sending) => events(options, after, sending),
  };
}

const ndjson = "application/x-ndjson";

/** @throws FreshetError with what the engine told, and whatever `fetch` throws */
async function send(options: HttpOptions, call: Call, sending: Sending): Promise<Response> {
  const { url, apiKey, headers = {}, fetch: fetched = fetch } = options;
  const key = typeof apiKey === "function" ? await apiKey() : apiKey;
  const response = await fetched(url.replace(/\/+$/, "") + call.path, {
    method: call.method,
    headers: {
      ...headers,
      ...call.named,
      ...(call.type === undefined ? {} : { "content-type": call.type }),
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(sending.tenant === undefined ? {} : { "x-tenant": sending.tenant }),
    },
    ...(call.body === undefined ? {} : { body: call.body }),
    signal: sending.signal ?? null,
    redirect: "error",
  });
  if (response.ok) return response;
  const body: unknown = await response.json().catch(() => undefined);
  const retryAfter = response.headers.get("retry-after");
  throw errorOf(body, { status: response.status, retryAfter });
}

async function* stream(
  options: HttpOptions,
  question: Asked,
  sending: Sending,
): AsyncGenerator<AnswerPiece> {
  const body = JSON.stringify({ ...question, stream: true });
  const call: Call = { method: "POST", path: "/answer", type: json, body };
  for await (const { event, data } of blocks(options, call, sending)) {
    if (data === "") continue;
    const value: unknown = JSON.parse(data);
    if (event === "error") throw errorOf(value, { status: statusUnknown });
    if (event === "done") {
      yield { type: "done", answer: value as Answer };
      return;
    }
    if (isRecord(value)) yield { ...value, type: event } as AnswerPiece;
  }
  throw unreachable("the stream ended before the answer was complete");
}

/** An error in the middle of a stream has no status line any more. */
const statusUnknown = 0;

async function* events(
  options: HttpOptions,
  after: number | undefined,
  sending: Sending,
): AsyncGenerator<EventStep> {
  const named: Record<string, string> = after === undefined ? {} : { "last-event-id": `${after}` };
  const call: Call = { method: "GET", path: "/v1/events", named };
  for await (const { event, id, data } of blocks(options, call, sending)) {
    const position = Number(id);
    if (data === "") {
      if (id !== undefined) yield { events: [], after: position };
      continue;
    }
    const value: unknown = JSON.parse(data);
    if (event === "failed") throw errorOf(value, { status: statusUnknown });
    yield { events: [value as DocumentEvent], after: position };
  }
}

/** The blocks of a response; leaving the loop closes it, which the engine notices. */
async function* blocks(
  options: HttpOptions,
  call: Call,
  sending: Sending,
): AsyncGenerator<ServerSentEvent> {
  const watch = watchOf(sending);
  const named = { ...call.named, accept: "text/event-stream" };
  try {
    const within = { ...sending, signal: watch.signal };
    const response = await send(options, { ...call, named }, within);
    if (response.body === null) throw new FreshetError("protocol", "the reply has no body");
    for await (const block of serverSentEvents(heard(chunksOf(response.body), watch))) yield block;
  } catch (thrown) {
    throw failureOf(thrown, sending, watch);
  } finally {
    watch.end();
    watch.leave();
  }
}

async function* heard(chunks: AsyncIterable<Uint8Array>, watch: Watch): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    watch.again();
    yield chunk;
  }
}

interface Watch {
  readonly signal: AbortSignal;
  /** Something was heard: the time begins anew. */
  again(): void;
  end(): void;
  leave(): void;
  readonly isLate: boolean;
}

/** Aborts when the caller does, or when nothing was heard for the time that is allowed. */
function watchOf({ signal, timeoutMs }: Sending): Watch {
  const own = new AbortController();
  let isLate = false;
  const late = (): void => {
    isLate = true;
    own.abort();
  };
  let timer = setTimeout(late, timeoutMs);
  return {
    signal: signal === undefined ? own.signal : AbortSignal.any([signal, own.signal]),
    again: () => {
      clearTimeout(timer);
      timer = setTimeout(late, timeoutMs);
    },
    end: () => clearTimeout(timer),
    leave: () => own.abort(),
    get isLate() {
      return isLate;
    },
  };
}

function failureOf(thrown: unknown, { signal, timeoutMs }: Sending, watch: Watch): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (watch.isLate) return unreachable(`nothing was heard for ${timeoutMs} ms`, thrown);
  if (thrown instanceof FreshetError) return thrown;
  if (thrown instanceof SyntaxError) {
    return new FreshetError("protocol", "the reply is not JSON", { cause: thrown });
  }
  return unreachable("the engine cannot be reached", thrown);
}

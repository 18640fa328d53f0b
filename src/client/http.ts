/**
 * To the engine over HTTP, by the platform's `fetch`: Node from 20 on, browsers, edge runtimes.
 *
 * Owns nothing between two calls. Never retries, and never keeps a response that it does not read.
 */

import { errorOf, FreshetError, isRecord, unreachable } from "./errors.ts";
import { type Form, jsonOf, replyOf } from "./replies.ts";
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
  const call = async <Reply>(what: Call, form: Form, sending: Sending): Promise<Reply> => {
    const watch = watchOf(sending);
    try {
      const response = await send(options, what, { ...sending, signal: watch.signal });
      return replyOf<Reply>(await response.json(), form);
    } catch (thrown) {
      throw failureOf(thrown, sending, watch);
    } finally {
      watch.end();
    }
  };
  return {
    batchBytesMax: 1024 * 1024,
    ask: (question, sending) => call<Answer>(post("/answer", question), "answer", sending),
    stream: (question, sending) => stream(options, question, sending),
    publish: (operation, key, sending) => {
      const what = post("/v1/documents", operation, { "idempotency-key": key });
      return call(what, "published", sending);
    },
    publishLines: (body, key, sending) => {
      const named = { "idempotency-key": key };
      const what: Call = { method: "POST", path: "/v1/documents", body, named, type: ndjson };
      return call<{ results: readonly LineResult[] }>(what, "lines", sending);
    },
    document: (id, sending) => {
      const path = `/v1/documents/${encodeURIComponent(id)}`;
      return call<DocumentState>({ method: "GET", path }, "document", sending);
    },
    documents: ({ after, limit }, sending) => {
      const query = new URLSearchParams();
      if (after !== undefined) query.set("after", after);
      if (limit !== undefined) query.set("limit", String(limit));
      const what: Call = { method: "GET", path: `/v1/documents?${query}` };
      return call<DocumentPage>(what, "page", sending);
    },
    events: (after, sending) => events(options, after, sending),
  };
}

const ndjson = "application/x-ndjson";

/** @throws FreshetError with what the engine told, and whatever `fetch` throws */
async function send(options: HttpOptions, call: Call, sending: Sending): Promise<Response> {
  const { apiKey, headers = {}, fetch: fetched = fetch } = options;
  const key = typeof apiKey === "function" ? await keyOf(apiKey) : apiKey;
  const url =
    String(options.url)
      .trim()
      .replace(/(?<!\/)\/+$/, "") + call.path;
  const init = {
    method: call.method,
    headers: {
      ...headers,
      ...call.named,
      ...(call.type === undefined ? {} : { "content-type": call.type }),
      ...(key === undefined ? {} : { authorization: `Bearer ${key.trim()}` }),
      ...(sending.tenant === undefined ? {} : { "x-tenant": sending.tenant }),
    },
    // A key must not follow to another place; where to, the error tells.
    redirect: "manual",
  } as const;
  mustBeSendable(url, init);
  const body = call.body === undefined ? {} : { body: call.body };
  const response = await fetched(url, { ...init, ...body, signal: sending.signal ?? null });
  if (response.ok) return response;
  throw await refusalOf(response);
}

async function keyOf(apiKey: () => string | Promise<string>): Promise<string> {
  try {
    return await apiKey();
  } catch (cause) {
    // It asks somebody, who may be there a moment later.
    throw unreachable(`apiKey: ${innermost(cause)}`, cause);
  }
}

/** @throws FreshetError what no attempt can change, so that none is repeated */
function mustBeSendable(
  url: string,
  { headers, ...init }: Omit<RequestInit, "headers"> & { headers: Record<string, string> },
): void {
  for (const [name, value] of Object.entries(headers)) {
    try {
      new Headers([[name, value]]);
    } catch {
      // The platform's own words hold the value, which may be a key.
      throw notSendable(name, new TypeError("it holds a character that no header can"));
    }
  }
  let resolved: string;
  try {
    // In a page an address may be relative.
    resolved = new Request(url, { ...init, headers }).url;
  } catch {
    throw notSendable("url", new TypeError("it must be like http://127.0.0.1:8787"));
  }
  if (/^https?:/.test(resolved)) return;
  throw notSendable("url", new TypeError("it must begin with http:// or https://"));
}

function notSendable(what: string, cause: unknown): FreshetError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new FreshetError("invalid_request", `${what}: ${why}`, { cause });
}

async function refusalOf(response: Response): Promise<FreshetError> {
  const { status, headers, type } = response;
  if (type === "opaqueredirect" || (status >= 300 && status < 400)) {
    const to = headers.get("location");
    const says = `url: what answers there redirects${to === null ? "" : ` to ${to}`}`;
    return new FreshetError("protocol", `${says}, and is no Freshet engine`, { status });
  }
  const body: unknown = await response.json().catch(() => undefined);
  return errorOf(body, { status, retryAfter: headers.get("retry-after") });
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
    const value = jsonOf(data);
    if (event === "error") throw errorOf(value, { status: statusUnknown });
    if (event === "done") {
      yield { type: "done", answer: replyOf<Answer>(value, "answer") };
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
    const value = jsonOf(data);
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
    const type = response.headers.get("content-type") ?? "";
    if (response.body === null || !type.startsWith("text/event-stream")) {
      throw new FreshetError("protocol", "what answered is no Freshet engine: no event stream");
    }
    for await (const block of serverSentEvents(heard(chunksOf(response.body), watch))) yield block;
  } catch (thrown) {
    throw failureOf(thrown, sending, watch);
  } finally {
    watch.end();
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
  /** What was not read of the response is let go of. */
  end(): void;
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
    end: () => {
      clearTimeout(timer);
      own.abort();
    },
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
  return unreachable(`the engine cannot be reached: ${innermost(thrown)}`, thrown);
}

/** `fetch failed` says nothing; what it rests on does (a refused port, a certificate). */
function innermost(thrown: unknown): string {
  let told = thrown;
  // A cause of a cause of a cause; more would be a ring.
  for (let depth = 0; depth < 5 && told instanceof Error && told.cause !== undefined; depth += 1) {
    told = told.cause;
  }
  if (told instanceof AggregateError && told.message === "") told = told.errors[0];
  const says = told instanceof Error ? told.message : String(told);
  if (says.includes("wrong version number")) return "it speaks no TLS: begin the url with http://";
  return says.trim();
}

/**
 * Any OpenAI-compatible `/v1/chat/completions`.
 *
 * Owns: a keep-alive pool of connections to one endpoint. Never: retries (but for OA4; the chain
 * has the next one), follows redirects, or lets a prompt into an error.
 *
 *   OA1  every failure is `model_unavailable`; its details hold the HTTP status or a reason, no
 *       text;
 *   OA2  an abort of the caller ends the upstream request, and is `cancelled`;
 *   OA3  time, answer and error bodies are bounded; a stream that ends too early is a failure;
 *   OA4  an endpoint that refuses to count tokens, to stream, or a field that it names, is asked
 *        once more without that, and never again with it;
 *   OA5  what it says is whole characters.
 */

import type * as Undici from "undici";
import type { Agent, Dispatcher } from "undici";
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { Secret, TlsFiles } from "../contract/links.ts";
import { cutText } from "../contract/well-formed.ts";
import { withoutEnd } from "../contract/without-end.ts";
import type { Clock } from "../runtime/clock.ts";
import { Deadline, waitAtMost } from "../runtime/deadline.ts";
import { loadedLater } from "../runtime/loaded-later.ts";
import { explainTls } from "../runtime/tls-fault.ts";
import { readTlsFiles } from "../runtime/tls-files.ts";
import { explainUrl } from "../runtime/tls-probe.ts";
import { openBody, readAtMost } from "./model-body.ts";
import { afterRefusal, bodyFields, type Dialect, fullDialect } from "./openai-dialect.ts";
import {
  errorNames,
  field,
  parseChunk,
  retryAfterOf,
  unavailable,
  usageIn,
} from "./openai-wire.ts";
import { createPairGate } from "./pairs.ts";
import type { Completion, LanguageModel, TokenUsage } from "./port.ts";
import { createEventParser, type ModelEvent } from "./sse.ts";
import { createThinkingGate } from "./thinking.ts";

const undici = loadedLater<typeof Undici>("undici");

export interface OpenAiOptions {
  /** With or without `/v1` at its end. */
  readonly baseUrl: string;
  readonly model: string;
  readonly apiKey?: Secret | undefined;
  readonly tls?: TlsFiles | undefined;
  readonly clock: Clock;
  /** What `coverage.llm` says; the model's name by default. */
  readonly name?: string | undefined;
  /** One request, from its beginning to its last word. */
  readonly requestMs?: number | undefined;
  readonly connectMs?: number | undefined;
}

export function createOpenAiModel(options: OpenAiOptions): LanguageModel {
  const agent = new (undici().Agent)({
    connections: limits.questionsInFlightMax,
    ...connecting(options),
    headersTimeout: requestMsOf(options),
    bodyTimeout: requestMsOf(options),
  });
  const endpointKnown = { agent, dialect: fullDialect };
  return {
    name: options.name ?? options.model,
    model: options.model,
    complete: (completion) => new Call(options, endpointKnown, completion).run(),
    ping: () => ping(options, agent),
    close: () => agent.destroy(),
  };
}

function requestMsOf({ requestMs = limits.modelRequestMs }: OpenAiOptions): number {
  return requestMs;
}

/** With files of its own each new connection reads them, so that they may be replaced. */
function connecting({
  tls,
  connectMs: timeout = limits.modelConnectMs,
}: OpenAiOptions): Agent.Options {
  if (tls === undefined) return { connectTimeout: timeout };
  return {
    connect: (options, callback) =>
      undici().buildConnector({ ...readTlsFiles(tls), timeout })(options, callback),
  };
}

/**
 * Any answer below 500 will do: not every endpoint lists its models, and a wrong key is no outage.
 */
async function ping(options: OpenAiOptions, agent: Agent): Promise<void> {
  const { origin, pathname } = endpoint(options, "models");
  const headers = authorization(options);
  // An endpoint that hangs must not collect one request for each look at it.
  const signal = AbortSignal.timeout(limits.healthEveryMs);
  try {
    const reply = await agent.request({ origin, path: pathname, method: "GET", headers, signal });
    await reply.body.dump();
    if (reply.statusCode >= 500) throw unavailable({ status: reply.statusCode });
  } catch (thrown) {
    if (thrown instanceof FreshetError) throw thrown;
    const { baseUrl: url, tls } = options;
    const link = { ...linkOf(options), tls, url, timeoutMs: limits.tlsProbeMs };
    const why = await explainUrl(thrown, link);
    if (why === undefined) throw failed(options, thrown);
    throw new FreshetError("model_unavailable", why, { details: { reason: reasonOf(thrown) } });
  }
}

/** The base URL is taken with and without its `/v1`. */
function endpoint({ baseUrl }: OpenAiOptions, route: string): URL {
  return new URL(`${withoutEnd(baseUrl, "/").replace(/\/v1$/, "")}/v1/${route}`);
}

function authorization({ apiKey }: OpenAiOptions): Readonly<Record<string, string>> {
  return apiKey === undefined ? {} : { authorization: `Bearer ${apiKey()}` };
}

/** What is shared by the requests to an endpoint. */
interface Known {
  readonly agent: Agent;
  /** Less from each refusal on (OA4). */
  dialect: Dialect;
}

/** One request, from first byte to answer. */
class Call {
  readonly #options: OpenAiOptions;
  readonly #known: Known;
  readonly #completion: Completion;
  /** Ends what is left of the request. */
  readonly #ended = new AbortController();
  readonly #thinking = createThinkingGate();
  readonly #pairs = createPairGate();
  #answer = "";
  #hasBegun = false;
  #isFinished = false;
  #usage: TokenUsage | undefined;
  #isCut = false;

  constructor(options: OpenAiOptions, known: Known, completion: Completion) {
    this.#options = options;
    this.#known = known;
    this.#completion = completion;
  }

  async run(): Promise<string> {
    const caller = this.#completion.signal;
    if (caller.aborted) throw new FreshetError("cancelled");
    const until = AbortSignal.any([caller, this.#ended.signal]);
    const deadline = new Deadline(this.#options.clock, requestMsOf(this.#options), until);
    try {
      const response = await this.#requestOf(deadline.signal);
      this.#hasBegun = response.statusCode === 200;
      await this.#read(response);
      this.#say(this.#thinking.push(this.#pairs.end()) + this.#thinking.end());
      if (!this.#isFinished) throw unavailable({ reason: "broke off" });
      // All of its tokens went into its thoughts, or there were too few for a word.
      if (this.#isCut && this.#answer.trim() === "") throw unavailable({ reason: "spent" });
      if (this.#isCut) this.#completion.onCut?.();
      return this.#answer;
    } catch (thrown) {
      if (caller.aborted) throw new FreshetError("cancelled");
      if (deadline.isOver) throw unavailable({ reason: "timeout" });
      if (thrown instanceof FreshetError) throw thrown;
      // It was there: a connection that is lost now is a stream that ends too early.
      throw this.#hasBegun ? unavailable({ reason: "broke off" }) : failed(this.#options, thrown);
    } finally {
      this.#ended.abort();
      if (this.#usage !== undefined) this.#completion.onUsage?.(this.#usage);
    }
  }

  async #requestOf(signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    let { dialect } = this.#known;
    for (;;) {
      const counts =
        this.#completion.onUsage !== undefined && dialect.countsTokens && dialect.streams;
      const response = await this.#request(signal, bodyFields(dialect, this.#maxTokens, counts));
      const { statusCode: status } = response;
      if (status !== 400 && status !== 422) {
        this.#known.dialect = dialect;
        return response;
      }
      const body = await readAtMost(response.body, limits.modelErrorBytesMax);
      const less = afterRefusal(dialect, body, counts);
      // OA4. What is refused without it as well was refused for something else.
      if (less === undefined) throw unavailable({ status, ...errorNames(body) });
      dialect = less;
    }
  }

  get #maxTokens(): number {
    return this.#completion.maxTokens;
  }

  #request(
    signal: AbortSignal,
    fields: ReturnType<typeof bodyFields>,
  ): Promise<Dispatcher.ResponseData> {
    const { model } = this.#options;
    const { messages, traceparent } = this.#completion;
    const url = endpoint(this.#options, "chat/completions");
    return this.#known.agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: "POST",
      signal,
      headers: {
        "content-type": "application/json",
        accept: "text/event-stream, application/json",
        ...authorization(this.#options),
        ...(traceparent === undefined ? {} : { traceparent }),
      },
      body: JSON.stringify({ model, messages, ...fields }),
    });
  }

  async #read({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<void> {
    if (statusCode !== 200) {
      throw unavailable({
        status: statusCode,
        ...retryAfterOf(headers, this.#options.clock.nowMs()),
        ...errorNames(await readAtMost(body, limits.modelErrorBytesMax)),
      });
    }
    const { isStream, bytes } = await openBody(headers["content-type"], body);
    if (!isStream) {
      // A server that cannot stream answers with the whole; its JSON is a few times its text.
      this.#take(await readAtMost(bytes, limits.answerCharsMax * 8));
      this.#isFinished = true;
      return;
    }
    const parser = createEventParser();
    while (!this.#isFinished) {
      const next = await bytes.next();
      const events = next.done === true ? parser.end() : parser.push(next.value);
      for (const event of events) this.#takeEvent(event);
      if (next.done === true) return;
    }
    if (this.#answer.length < limits.answerCharsMax) await this.#drain(bytes, parser);
  }

  /**
   * A body read to its end leaves the connection to the next question; one that does not end costs
   * it.
   */
  async #drain(
    reader: AsyncIterator<Uint8Array>,
    parser: ReturnType<typeof createEventParser>,
  ): Promise<void> {
    const toEnd = async (): Promise<void> => {
      for (;;) {
        const next = await reader.next();
        const events = next.done === true ? parser.end() : parser.push(next.value);
        // The count of tokens comes after the last word.
        for (const { payload } of events) this.#takeUsage(payload);
        if (next.done === true) return;
      }
    };
    const drained = toEnd().catch(() => undefined);
    await waitAtMost(this.#options.clock, limits.modelDrainMs, drained);
  }

  /** Never throws: the answer is whole without it. Some count in each event. */
  #takeUsage(payload: string): void {
    const usage = usageIn(payload);
    if (usage !== undefined && sumOf(usage) >= sumOf(this.#usage)) this.#usage = usage;
  }

  #takeEvent({ payload, isError }: ModelEvent): void {
    if (this.#isFinished) return this.#takeUsage(payload);
    if (isError) throw errorIn(payload);
    // Some servers keep the connection alive with one.
    if (payload === "") return;
    if (payload.trim() === "[DONE]") this.#isFinished = true;
    else this.#take(payload);
  }

  #take(payload: string): void {
    const chunk = parseChunk(payload);
    if (payload.includes('"usage"')) this.#takeUsage(payload);
    if (chunk.isError) throw errorIn(payload);
    const isWhole = this.#say(this.#thinking.push(this.#pairs.push(chunk.text)));
    this.#isCut ||= chunk.isCut;
    if (chunk.cutBy !== undefined) throw unavailable({ reason: chunk.cutBy });
    const isFull = !isWhole || this.#answer.length >= limits.answerCharsMax;
    this.#isCut ||= isFull;
    if (chunk.isLast || isFull) this.#isFinished = true;
  }

  /** @returns false where it had to be cut */
  #say(words: string): boolean {
    const text = cutText(words, limits.answerCharsMax - this.#answer.length);
    this.#answer += text;
    if (text !== "") this.#completion.onText?.(text);
    return text.length === words.length;
  }
}

const sumOf = (usage: TokenUsage | undefined): number =>
  usage === undefined ? 0 : usage.prompt + usage.completion;

function errorIn(payload: string): FreshetError {
  return unavailable({ reason: "error in the stream", ...errorNames(payload) });
}

/** The name of a failed connection (`ECONNREFUSED`), never a message. */
function reasonOf(thrown: unknown): string {
  const code = field(thrown, "code");
  return typeof code === "string" && /^[A-Z0-9_]{1,64}$/.test(code) ? code : "connection";
}

/** A mistake of TLS says what to set; it holds no text of anybody (OA1). */
function failed(options: OpenAiOptions, thrown: unknown): FreshetError {
  const message = explainTls(thrown, { ...linkOf(options), tls: options.tls });
  const details = { reason: reasonOf(thrown) };
  return new FreshetError("model_unavailable", message, { details });
}

function linkOf({ baseUrl, tls }: OpenAiOptions) {
  const settings = tls?.settings ?? "FRESHET_LLM_TLS";
  return { where: `the model endpoint at ${new URL(baseUrl).origin}`, settings };
}

/**
 * One call of one endpoint of the chain: how long it may be silent, and what it took. The rules are
 * those of writer-chain.ts.
 */

import { type ErrorDetails, FreshetError, toFreshetError } from "../contract/errors.ts";
import type { TenantId } from "../contract/ids.ts";
import { noSpan, type Span } from "../contract/tracing.ts";
import { Deadline } from "../runtime/deadline.ts";
import type { ChatMessage, ModelCall, TokenUsage } from "./port.ts";
import { answerTokens, bytesOf, learned, type PromptRoom, promptRoom } from "./tokens.ts";
import { isOfTheCall, type Link } from "./writer-chain-link.ts";

/** What all calls for one text have in common. */
export interface Asking {
  readonly tenant: TenantId;
  readonly maxTokens: number;
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
  /** Of all endpoints together. */
  readonly budgetMs: number;
  readonly onCall?: ((call: ModelCall) => void) | undefined;
  readonly span?: Span | undefined;
}

/** One endpoint at work on a text. */
export interface Attempt {
  readonly endpoint: string;
  room(messages: number): PromptRoom;
  /** The whole text. @throws FreshetError */
  complete(
    messages: readonly ChatMessage[],
    heard?: {
      readonly onText?: (text: string) => void;
      readonly onCut?: () => void;
      readonly signal?: AbortSignal;
    },
  ): Promise<string>;
}

type Outcome<Value> =
  | { readonly value: Value }
  | { readonly reason: string; readonly isLast?: boolean };

/** One call of one endpoint. */
export class Run {
  readonly #link: Link;
  readonly #asking: Asking;
  readonly #budget: Deadline;
  readonly #span: Span;
  readonly #beganMs: number;
  readonly #era: number;
  #texts: readonly string[] = [];
  #said = "";
  #counted: TokenUsage | undefined;
  #wasSilent = false;
  #isWhole = false;

  constructor(link: Link, asking: Asking, budget: Deadline) {
    this.#link = link;
    this.#asking = asking;
    this.#budget = budget;
    this.#beganMs = this.#nowMs;
    this.#era = link.era;
    this.#span = (asking.span ?? noSpan).child("chat", chatAttributes(link, this.#maxTokens));
  }

  async of<Value>(work: (attempt: Attempt) => Promise<Value>): Promise<Outcome<Value>> {
    const { signal, onCall } = this.#asking;
    try {
      const value = await work({
        endpoint: this.#link.name,
        room: (messages) =>
          promptRoom(this.#link.endpoint, {
            ...{ rates: this.#link.rates, maxTokens: this.#maxTokens, messages },
          }),
        complete: (messages, heard) => this.#complete(messages, heard),
      });
      this.#link.succeeded(this.#era);
      const labels = { model: this.#link.name };
      this.#link.options.metrics.observe("language_model_seconds", this.#elapsedMs / 1000, labels);
      this.#span.end();
      return { value };
    } catch (thrown) {
      return this.#failedBy(toFreshetError(thrown));
    } finally {
      if (this.#texts.length > 0) onCall?.(this.#call());
      if (signal.aborted) this.#link.givenUp(this.#era);
    }
  }

  async #complete(
    messages: readonly ChatMessage[],
    heard: Parameters<Attempt["complete"]>[1] = {},
  ): Promise<string> {
    const { endpoint, options } = this.#link;
    this.#texts = messages.map(({ content }) => content);
    const first = new Deadline(options.clock, endpoint.firstTokenMs, this.#budget.signal);
    const enough = new AbortController();
    const end = (): void => enough.abort();
    const ends = [first.signal, this.#budget.signal, heard.signal];
    for (const each of ends) each?.addEventListener("abort", end, { once: true });
    if (ends.some((each) => each?.aborted === true)) end();
    try {
      const whole = await endpoint.model.complete({
        messages,
        maxTokens: this.#maxTokens,
        signal: enough.signal,
        traceparent: this.#span.traceparent,
        onUsage: (usage) => this.#count(usage),
        onCut: heard.onCut,
        onText: (text) => {
          if (this.#said === "") this.#hearsFirst();
          this.#said += text;
          first.clear();
          heard.onText?.(text);
        },
      });
      if (this.#said === "") this.#said = whole;
      this.#isWhole = true;
      return whole;
    } catch (thrown) {
      this.#wasSilent = first.isOver;
      throw this.#wasSilent ? unavailable("silent") : thrown;
    } finally {
      first.clear();
      for (const each of ends) each?.removeEventListener("abort", end);
    }
  }

  #hearsFirst(): void {
    const labels = { model: this.#link.name };
    const seconds = this.#elapsedMs / 1000;
    this.#link.options.metrics.observe("language_model_first_token_seconds", seconds, labels);
  }

  #count(usage: TokenUsage): void {
    this.#counted = usage;
    this.#link.rates = learned(this.#link.rates, { texts: this.#texts, counted: usage.prompt });
    this.#span.set({
      "gen_ai.usage.input_tokens": usage.prompt,
      "gen_ai.usage.output_tokens": usage.completion,
    });
  }

  /** @throws FreshetError cancelled */
  #failedBy({ code, details = {} }: FreshetError): Outcome<never> {
    const { signal } = this.#asking;
    const isOver = this.#budget.signal.aborted && !this.#wasSilent; // WN3
    this.#span.end(signal.aborted ? "cancelled" : code);
    if (signal.aborted) throw new FreshetError("cancelled");
    const { metrics, logger } = this.#link.options;
    const { name } = this.#link;
    const reason = isOver ? "deadline" : reasonOf(details);
    metrics.count("language_model_errors_total", { model: name });
    logger.warn({ code, ...details, model: name, why: reason }, "the language model failed");
    if (isOver) this.#link.givenUp(this.#era);
    else this.#link.failed(details, this.#era);
    // Refused unread: it took no tokens.
    if (isRefused(details)) this.#texts = [];
    return { reason, isLast: this.#said.trim() !== "" };
  }

  /** WN4. */
  #call(): ModelCall {
    const { rates, endpoint, name, options } = this.#link;
    const read = this.#texts.reduce((sum, text) => sum + bytesOf(text), 0);
    const said = Math.ceil(bytesOf(this.#said) * rates.expected);
    const counted = this.#counted;
    const prompt = counted?.prompt ?? Math.ceil(read * rates.expected);
    // Of one that broke off, the count may be that of its beginning.
    const completion = this.#isWhole
      ? (counted?.completion ?? said)
      : Math.max(counted?.completion ?? 0, said);
    const { price } = endpoint;
    const cost = price && (prompt * price.input + completion * price.output) / 1000;
    const labels = { model: name };
    const { metrics } = options;
    metrics.count("language_model_tokens_total", { ...labels, kind: "prompt" }, prompt);
    metrics.count("language_model_tokens_total", { ...labels, kind: "completion" }, completion);
    if (cost !== undefined) {
      const { tenant } = this.#asking;
      metrics.count("language_model_cost_total", { ...labels, tenant }, cost);
    }
    const isEstimate = counted === undefined;
    return { prompt, completion, cost, isEstimate, ms: this.#elapsedMs };
  }

  get #maxTokens(): number {
    return answerTokens(this.#link.endpoint, this.#asking.maxTokens);
  }

  get #nowMs(): number {
    return this.#link.options.clock.monotonicMs();
  }

  get #elapsedMs(): number {
    return this.#nowMs - this.#beganMs;
  }
}

function isRefused({ status }: Readonly<Record<string, unknown>>): boolean {
  return typeof status === "number" && status >= 300 && status < 500;
}

function unavailable(reason: string): FreshetError {
  return new FreshetError("model_unavailable", undefined, { details: { reason } });
}

/** A word for what a reply says of an endpoint that was passed over. */
function reasonOf({ status, reason }: ErrorDetails): string {
  if (status === 429) return "rate_limited";
  if (typeof status === "number") return isOfTheCall(status) ? "not_taken" : "error";
  const known = typeof reason === "string" ? reasons[reason] : undefined;
  return known ?? "unreachable";
}

const reasons: Readonly<Record<string, string>> = {
  silent: "silent",
  timeout: "silent",
  empty: "empty",
  spent: "empty",
  useless: "empty",
  window: "window",
  "broke off": "broke_off",
  withheld: "withheld",
  "not JSON": "error",
  "endless event": "error",
  "error in the stream": "error",
};

/** By OpenTelemetry's conventions for generative AI. */
function chatAttributes({ name, model }: Link, maxTokens: number) {
  return {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": model.model ?? name,
    "gen_ai.request.max_tokens": maxTokens,
    "freshet.endpoint": name,
  };
}

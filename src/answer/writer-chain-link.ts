/** An endpoint of the chain, and what is remembered of it: its breaker, its tokenizer's rates. */

import { type ErrorDetails, toFreshetError } from "../contract/errors.ts";
import type { Logger, Metrics } from "../contract/observation.ts";
import type { Clock } from "../runtime/clock.ts";
import { asked, type Breaker, closed, failed, givenUp, mayAsk, succeeded } from "./breaker.ts";
import type { LanguageModel } from "./port.ts";
import { type TokenRates, unknownRates, type Window } from "./tokens.ts";

/** For a thousand tokens each, in whatever currency. */
export interface Price {
  readonly input: number;
  readonly output: number;
}

export interface ChainEndpoint extends Window {
  readonly model: LanguageModel;
  /** How long it may be silent. */
  readonly firstTokenMs: number;
  /** Undefined: its calls have no known cost. */
  readonly price?: Price | undefined;
}

export interface ChainOptions {
  /** In order; their models have different names. */
  readonly endpoints: readonly ChainEndpoint[];
  readonly clock: Clock;
  readonly logger: Pick<Logger, "warn">;
  readonly metrics: Pick<Metrics, "count" | "observe" | "set">;
}

/** An endpoint, and what is remembered of it. */
export class Link {
  readonly endpoint: ChainEndpoint;
  readonly options: ChainOptions;
  rates: TokenRates = unknownRates;
  #breaker: Breaker = closed;
  #era = 0;

  constructor(endpoint: ChainEndpoint, options: ChainOptions) {
    this.endpoint = endpoint;
    this.options = options;
    this.#show();
  }

  get model(): LanguageModel {
    return this.endpoint.model;
  }

  get name(): string {
    return this.model.name;
  }

  /**
   * When a call began: each rest begins an era, and so does its end. What a call of an earlier one
   * ends with says nothing about the endpoint now (BR4): answers take longer than a rest.
   */
  get era(): number {
    return this.#era;
  }

  /** False while it rests; else what becomes of the call is told by one of the next three. */
  begin(): boolean {
    if (!mayAsk(this.#breaker, this.#nowMs)) return false;
    this.#become(asked(this.#breaker));
    return true;
  }

  succeeded(era: number): void {
    if (era === this.#era) this.#become(succeeded(this.#breaker, this.#nowMs));
  }

  givenUp(era: number): void {
    if (era === this.#era) this.#become(givenUp(this.#breaker));
  }

  failed({ status, reason, retry_after_ms: retryAfterMs }: ErrorDetails, era: number): void {
    if (isOfTheCall(status) || ofTheText.has(reason)) {
      return this.givenUp(era);
    }
    // While it rests, a longer Retry-After counts, whenever the call began; nothing else does.
    if (era !== this.#era && this.#nowMs >= this.#breaker.restsUntilMs) return;
    this.#become(
      failed(this.#breaker, {
        nowMs: this.#nowMs,
        retryAfterMs: typeof retryAfterMs === "number" ? retryAfterMs : undefined,
        isRefusal: typeof status === "number" && status >= 300 && status < 500 && status !== 408,
      }),
    );
  }

  /**
   * An endpoint that takes no connection is known before anybody asks it. A status or silence is no
   * sign of that: not every endpoint has the route that is asked, and one may be at work.
   */
  async ping(): Promise<void> {
    try {
      await this.model.ping();
    } catch (thrown) {
      const { details = {} } = toFreshetError(thrown);
      if (isAway(details) && mayAsk(this.#breaker, this.#nowMs)) this.failed(details, this.#era);
      throw thrown;
    }
  }

  get #nowMs(): number {
    return this.options.clock.monotonicMs();
  }

  #become(breaker: Breaker): void {
    const { rests, restsUntilMs } = this.#breaker;
    this.#breaker = breaker;
    if (breaker.restsUntilMs !== restsUntilMs) this.#era += 1;
    if (breaker.rests === rests) return;
    this.#show();
    if (breaker.rests < rests) return;
    const restsMs = Math.round(breaker.restsUntilMs - this.#nowMs);
    this.options.logger.warn({ model: this.name, restsMs }, "a model endpoint is left alone");
  }

  #show(): void {
    const isUp = this.#breaker.rests === 0 ? 1 : 0;
    this.options.metrics.set("language_model_up", isUp, { model: this.name });
  }
}

function isAway({ reason }: ErrorDetails): boolean {
  return typeof reason === "string" && /^E[A-Z]{3,}|^UND_ERR_CONNECT/.test(reason);
}

/** What another question's text would not meet. */
const ofTheText: ReadonlySet<unknown> = new Set(["window", "useless", "withheld", "spent"]);

/** Statuses that speak of what was sent: too long, or in words that this model does not take. */
export function isOfTheCall(status: unknown): boolean {
  return status === 400 || status === 413 || status === 422;
}

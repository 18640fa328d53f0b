/**
 * The chain: model endpoints in their declared order, each asked while the ones before it are away.
 *
 * Owns: of each endpoint its breaker and what is known of its tokenizer. Never: retries an
 * endpoint, or lets two of them write one text.
 *
 *   WN1  the first that may be asked and says a word writes the text: what fails before its first
 *        word is passed over for the next, what fails after it ends the text;
 *   WN2  an endpoint that is silent for its time to the first word has failed;
 *   WN3  a caller that leaves, or whose own time is over, says nothing about an endpoint, unless
 *        that was silent for all of its time;
 *   WN4  each call is told with what it took, by the endpoint's count or an estimate.
 */

import { Deadline } from "../runtime/deadline.ts";
import type { LanguageModel, PassedOver } from "./port.ts";
import { type ChainOptions, Link } from "./writer-chain-link.ts";
import { type Asking, type Attempt, Run } from "./writer-chain-run.ts";

export interface Completed<Value> {
  /** Undefined: no endpoint brought one. */
  readonly value: Value | undefined;
  /** Who did. */
  readonly by: LanguageModel | undefined;
  readonly passed: readonly PassedOver[];
}

export class ModelChain {
  readonly #links: readonly Link[];
  readonly #options: ChainOptions;

  constructor(options: ChainOptions) {
    this.#options = options;
    this.#links = options.endpoints.map((endpoint) => new Link(endpoint, options));
  }

  /** What answers depend on: another chain writes other ones. */
  get name(): string {
    return this.#links.map(({ name }) => name).join(",");
  }

  /**
   * @param work what makes a value of an endpoint's words; it throws where they are of no use
   * @throws FreshetError cancelled when the caller has gone
   */
  async ask<Value>(
    asking: Asking,
    work: (attempt: Attempt) => Promise<Value>,
  ): Promise<Completed<Value>> {
    const passed: PassedOver[] = [];
    const budget = new Deadline(this.#options.clock, asking.budgetMs, asking.signal);
    try {
      for (const link of this.#links) {
        const outcome = link.begin()
          ? await new Run(link, asking, budget).of(work)
          : ({ reason: "resting" } as const);
        if ("value" in outcome) return { value: outcome.value, by: link.model, passed };
        passed.push({ endpoint: link.name, reason: outcome.reason });
        if (("isLast" in outcome && outcome.isLast) || budget.signal.aborted) break; // WN1
      }
      return { value: undefined, by: undefined, passed };
    } finally {
      budget.clear();
    }
  }

  /** Resolves when one of them answers at all. */
  async ping(): Promise<void> {
    const answers = await Promise.allSettled(this.#links.map((link) => link.ping()));
    const first = answers.find(({ status }) => status === "rejected");
    const isUp = answers.some(({ status }) => status === "fulfilled");
    if (!isUp && first?.status === "rejected") throw first.reason;
  }

  async close(): Promise<void> {
    await Promise.all(this.#links.map(({ model }) => model.close()));
  }
}

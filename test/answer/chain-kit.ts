/** Chains of models for tests: of one, or of several that a test plays. */

import type { Completion, LanguageModel } from "../../src/answer/port.ts";
import { ModelChain } from "../../src/answer/writer-chain.ts";
import type { ChainEndpoint, ChainOptions } from "../../src/answer/writer-chain-link.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { systemClock } from "../../src/runtime/clock.ts";

export function playedModel(
  name: string,
  complete: (completion: Completion) => Promise<string>,
): LanguageModel {
  return { name, complete, ping: async () => {}, close: async () => {} };
}

export function endpointOf(
  model: LanguageModel,
  more: Partial<Omit<ChainEndpoint, "model">> = {},
): ChainEndpoint {
  const { contextTokens, promptTokens, modelRequestMs: firstTokenMs } = limits;
  return { model, contextTokens, promptTokens, firstTokenMs, ...more };
}

type More = Partial<Omit<ChainOptions, "endpoints">>;

export function chainWith(endpoints: readonly ChainEndpoint[], more: More = {}): ModelChain {
  const silent = { clock: systemClock, logger: silentLogger, metrics: silentMetrics };
  return new ModelChain({ endpoints, ...silent, ...more });
}

export function chainOf(models: readonly LanguageModel[], more: More = {}): ModelChain {
  return chainWith(
    models.map((model) => endpointOf(model)),
    more,
  );
}

/** The chain of language models, as the configuration declares it. */

import { createOpenAiModel } from "../answer/openai.ts";
import { ModelChain } from "../answer/writer-chain.ts";
import type { ChainOptions } from "../answer/writer-chain-link.ts";
import type { Foundation } from "./foundation.ts";

/** Undefined: answers are sentences of the sources. */
export function openModels({
  config,
  clock,
  logger,
  metrics,
}: Pick<Foundation, "config" | "clock" | "logger"> & Pick<ChainOptions, "metrics">):
  | ModelChain
  | undefined {
  const links = config.languageModels;
  if (links.length === 0) return undefined;
  const endpoints = links.map(
    ({ url, firstTokenMs, contextTokens, promptTokens, price, ...link }) => ({
      model: createOpenAiModel({ baseUrl: url, ...link, clock }),
      ...{ firstTokenMs, contextTokens, promptTokens, price },
    }),
  );
  return new ModelChain({ endpoints, clock, logger, metrics });
}

/** The chain of language models: how long one is waited for, when it rests, what it reads. */

import { questionLimits } from "./questions.ts";
import { atMost, below, type Relations } from "./relation.ts";
import { KiB, minuteMs, secondMs } from "./units.ts";

export const modelLimits = {
  /** Each that fails costs a question some of its time: beyond a few there is none left. */
  modelsMax: 8,
  modelsFileBytesMax: 64 * KiB,
  /**
   * To the first word, where another endpoint stands behind it: a question of the default deadline
   * reaches the third. The last one may take a whole request.
   */
  modelFirstTokenMs: 10 * secondMs,
  /** A provider that asks for an hour of rest is asked again after this: it may have been wrong. */
  modelRetryAfterMsMax: 5 * minuteMs,
  /** Failures in a row: one may be the network's, three are the endpoint's. */
  breakerFailures: 3,
  /** How long it then rests, twice as long each time, until this. */
  breakerOpenMs: secondMs,
  breakerOpenMsMax: minuteMs,
  /**
   * Of a prompt, as the model is expected to count: some 5,000 characters of English, which is
   * five passages and their frame. More costs more and is read less well.
   */
  promptTokens: 1_500,
  /** What every model that is served today has at least; a smaller one has to be declared. */
  contextTokens: 8_192,
  /** The rules alone take 900 bytes, which may be as many tokens. */
  contextTokensMin: 2_048,
  contextTokensMax: 10_000_000,
  /** What a chat template puts around a message: names of roles, marks of begin and end. */
  messageTokens: 16,
  /** A template of its own that an endpoint may put in; above it the window is declared wrongly. */
  templateTokensMax: 2_048,
  /** What an endpoint may say that a call took; above it the count is an error. */
  usageTokensMax: 10_000_000,
  /** A price for a thousand tokens above this is a slip of units. */
  priceMax: 1_000,
} as const;

export const modelRelations: Relations = {
  "a model that says nothing leaves its question time for the next one": [
    below(modelLimits.modelFirstTokenMs * 2, questionLimits.deadlineMsDefault),
    below(modelLimits.modelFirstTokenMs, questionLimits.modelRequestMs),
  ],
  "an endpoint's rest grows from its first to its longest": [
    below(modelLimits.breakerOpenMs, modelLimits.breakerOpenMsMax),
    atMost(modelLimits.breakerOpenMsMax, modelLimits.modelRetryAfterMsMax),
  ],
  "the usual prompt fits the usual window, beside the longest answer": [
    below(
      modelLimits.promptTokens + questionLimits.maxTokensMax + 2 * modelLimits.messageTokens,
      modelLimits.contextTokens,
    ),
  ],
  "a quarter of the usual window holds the longest answer": [
    atMost(4 * questionLimits.maxTokensMax, modelLimits.contextTokens),
  ],
};

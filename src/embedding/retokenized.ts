/**
 * An embedder that makes tokens of each text by itself: for callers that cut texts by another
 * model's tokens. A text that is longer in this model's is cut at its end.
 */

import type { Embedder } from "./port.ts";

export interface OwnTokenizer {
  /** The model's; ids with their two marks. */
  encode(text: string, maxTokens: number): Int32Array;
}

export function retokenized(embedder: Embedder, tokenizer: OwnTokenizer): Embedder {
  const { model } = embedder;
  return {
    model,
    embed: (batch, options) =>
      embedder.embed(
        batch.map(({ text }) => ({ text, tokens: tokenizer.encode(text, model.maxTokens) })),
        options,
      ),
    close: () => embedder.close(),
  };
}

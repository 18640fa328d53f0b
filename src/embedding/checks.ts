/**
 * What every embedder owes its callers and its backend: inputs within the model, outputs that are
 * sound.
 */

import { FreshetError } from "../contract/errors.ts";
import { vectorDefect } from "../contract/vector.ts";
import type { EmbeddingModel, EmbedInput } from "./port.ts";

/** Throws `embedding_failed` unless each input has 1 to `maxTokens` ids. */
export function checkInputs(batch: readonly EmbedInput[], model: EmbeddingModel): void {
  for (const [index, { tokens }] of batch.entries()) {
    if (tokens.length >= 1 && tokens.length <= model.maxTokens) continue;
    throw new FreshetError("embedding_failed", "a text is outside the model's token limits", {
      details: { index, tokens: tokens.length, maxTokens: model.maxTokens },
    });
  }
}

/**
 * Throws `embedding_failed` unless the vector has the model's dimensions, is finite and of unit
 * length.
 */
export function checkVector(vector: Float32Array, dimensions: number): void {
  const defect = vectorDefect(vector, dimensions);
  if (defect === undefined) return;
  throw new FreshetError("embedding_failed", defect.message, { details: defect.details });
}

/** Throws `cancelled` when the caller has gone. */
export function checkNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new FreshetError("cancelled");
}

/** What every embedder owes its callers and its backend: inputs within the model, outputs that are sound. */

import { FreshetError } from "../contract/errors.ts";
import type { EmbeddingModel, EmbedInput } from "./port.ts";

/** Squared length may differ from 1 by rounding of fp16 and int8 graphs, never by more than this. */
const squaredNormTolerance = 1e-2;

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
 * Throws `embedding_failed` unless the vector has the model's dimensions, is finite and of unit length.
 * This is the one gate before native index code, which may abort the process on a bad value.
 */
export function checkVector(vector: Float32Array, dimensions: number): void {
  if (vector.length !== dimensions) {
    throw new FreshetError("embedding_failed", "a vector has the wrong number of dimensions", {
      details: { dimensions: vector.length, expected: dimensions },
    });
  }
  let squaredNorm = 0;
  for (const value of vector) squaredNorm += value * value;
  // A NaN or an infinity anywhere makes the sum NaN or infinite, so this one comparison covers them.
  if (Math.abs(squaredNorm - 1) <= squaredNormTolerance) return;
  throw new FreshetError("embedding_failed", "a vector is not finite or not of unit length", {
    details: { squaredNorm: String(squaredNorm) },
  });
}

/** Throws `cancelled` when the caller has gone. */
export function checkNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new FreshetError("cancelled");
}

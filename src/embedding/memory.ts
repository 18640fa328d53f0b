/**
 * An embedder without a model, for tests of other rooms: feature hashing of words (Weinberger et
 * al., 2009). Texts that share words are near each other, texts that share none are nearly
 * orthogonal, and the same text always gets the same vector. It knows no synonyms and no word
 * order.
 */

import { FreshetError } from "../contract/errors.ts";
import { checkInputs, checkNotAborted, checkVector } from "./checks.ts";
import type { Embedder, EmbeddingModel, EmbedInput, EmbedOptions } from "./port.ts";

/** Each word sets several signed coordinates, so one collision does not make two words equal. */
const coordinatesPerWord = 8;
/** Function words are everywhere; at full weight they would make every two texts look alike. */
const functionWords = new Set(
  "a an and are as at be by for from in is it of on or that the this to was what where with".split(
    " ",
  ),
);
const functionWordWeight = 0.1;

const memoryModel: EmbeddingModel = {
  name: "memory-word-hash",
  dimensions: 384,
  maxTokens: 256,
  fingerprint: "memory-1",
};

export function createMemoryEmbedder(model: EmbeddingModel = memoryModel): Embedder {
  let closed = false;
  return {
    model,
    async embed(batch: readonly EmbedInput[], options: EmbedOptions): Promise<Float32Array[]> {
      if (closed) throw new FreshetError("embedding_unavailable", "the embedder is closed");
      checkNotAborted(options.signal);
      checkInputs(batch, model);
      // A turn of the event loop, so that callers meet the same interleavings as with a real
      // worker.
      await new Promise((resolve) => setImmediate(resolve));
      checkNotAborted(options.signal);
      return batch.map((input) => hashedVector(input.text, model.dimensions));
    },
    async close(): Promise<void> {
      closed = true;
    },
  };
}

function hashedVector(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
    addWord(vector, word, functionWords.has(word) ? functionWordWeight : 1);
  }
  let squaredNorm = 0;
  for (const value of vector) squaredNorm += value * value;
  // No words, or words that cancel out exactly: still a valid place in the space.
  if (squaredNorm === 0) {
    vector[0] = 1;
    return vector;
  }
  const scale = 1 / Math.sqrt(squaredNorm);
  for (let i = 0; i < dimensions; i++) vector[i] = (vector[i] ?? 0) * scale;
  checkVector(vector, dimensions);
  return vector;
}

function addWord(vector: Float32Array, word: string, weight: number): void {
  for (let salt = 0; salt < coordinatesPerWord; salt++) {
    const hash = fnv1a(`${salt}:${word}`);
    const index = (hash >>> 1) % vector.length;
    vector[index] = (vector[index] ?? 0) + (hash & 1 ? weight : -weight);
  }
}

/**
 * FNV-1a over UTF-16 code units, finished with a mixer because its low bits are weak on short keys.
 */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

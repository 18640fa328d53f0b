/** Vectors that lie as embeddings of real text do: seeded, clustered, without repetition. */

import { clustered } from "../hot/documents.ts";
import { dimensions } from "./models.ts";

const clusters = 500;
const seed = 7;

export interface VectorSet {
  readonly base: readonly Float32Array[];
  /** From the same clusters, but not in `base`. */
  readonly queries: readonly Float32Array[];
}

export function makeVectors(count: number, queries: number): VectorSet {
  const all = clustered(count + queries, { dimensions, clusters, seed });
  return { base: all.slice(0, count), queries: all.slice(count) };
}

/** Indexes of the `k` nearest by exact search, among those that `accepts`. */
export function exactNearest(
  base: readonly Float32Array[],
  query: Float32Array,
  options: { readonly k: number; readonly accepts?: (index: number) => boolean },
): number[] {
  const { k, accepts = () => true } = options;
  const scored: { readonly index: number; readonly score: number }[] = [];
  for (const [index, vector] of base.entries()) {
    if (accepts(index)) scored.push({ index, score: innerProduct(vector, query) });
  }
  scored.sort((left, right) => right.score - left.score);
  return scored.slice(0, k).map(({ index }) => index);
}

function innerProduct(left: Float32Array, right: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < left.length; index += 1) {
    sum += (left[index] as number) * (right[index] as number);
  }
  return sum;
}

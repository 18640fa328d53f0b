/**
 * Sparse vectors: what a text is about, as weights of words of a model's vocabulary. Packed: as
 * many ids as there are terms, ascending, of two bytes, least first; then a byte of weight for
 * each, in steps. So they are kept, in records, in memory and in cold, and so questions are asked.
 *
 *   SPV1  a product of two is a whole number of steps, whatever order it is summed in: a chunk has
 *        the same score in each shard;
 *   SPV2  the same weights are packed into the same bytes.
 */

/** Ids of two bytes and weights of one; no bytes are no vector. */
export type SparseVector = Uint8Array;

export const sparseTermBytes = 3;
const idMax = 0xffff;
const weightMax = 0xff;

/**
 * A weight is log(1 + x): 2.6 is the largest of what was measured, and 255 steps end at 3.98. A
 * finer step changed no ranking.
 */
export const sparseStep = 1 / 64;

/**
 * The heaviest terms of a text, at most `termsMax`; of equal ones those that come first.
 * @param weights of every word of the vocabulary, most of them 0
 */
export function packSparse(weights: Float32Array, termsMax: number): SparseVector {
  const heavy: number[] = [];
  const steps: number[] = [];
  const having = new Uint32Array(weightMax + 1);
  const end = Math.min(weights.length, idMax + 1);
  for (let id = 0; id < end; id += 1) {
    const weight = Math.min(weightMax, Math.round((weights[id] as number) / sparseStep));
    // Written so that NaN is left out too.
    if (!(weight > 0)) continue;
    heavy.push(id);
    steps.push(weight);
    having[weight] = (having[weight] as number) + 1;
  }
  let least = weightMax + 1;
  let count = 0;
  while (least > 1 && count + (having[least - 1] as number) <= termsMax) {
    least -= 1;
    count += having[least] as number;
  }
  // Of the weight below the last that fits whole, as many as there is room for.
  let room = Math.max(0, termsMax - count);
  const below = least - 1;
  const kept = steps.map((weight) => {
    if (weight >= least) return true;
    if (weight !== below || room === 0) return false;
    room -= 1;
    return true;
  });
  return packed(
    heavy.filter((_, at) => kept[at]),
    steps.filter((_, at) => kept[at]),
  );
}

function packed(ids: readonly number[], weights: readonly number[]): SparseVector {
  const bytes = new Uint8Array(ids.length * sparseTermBytes);
  for (const [at, id] of ids.entries()) {
    bytes[2 * at] = id & 0xff;
    bytes[2 * at + 1] = id >>> 8;
  }
  bytes.set(weights, 2 * ids.length);
  return bytes;
}

/** Whether these bytes can be a vector: cold and the log may hold what none of us wrote. */
export function isSparse(bytes: Uint8Array): boolean {
  if (bytes.length % sparseTermBytes !== 0) return false;
  const count = bytes.length / sparseTermBytes;
  for (let at = 1; at < count; at += 1) if (idAt(bytes, at) <= idAt(bytes, at - 1)) return false;
  return true;
}

/** SPV1. Of two that `isSparse` takes. */
export function sparseProduct(left: SparseVector, right: SparseVector): number {
  const lefts = left.length / sparseTermBytes;
  const rights = right.length / sparseTermBytes;
  let sum = 0;
  let at = 0;
  let other = 0;
  while (at < lefts && other < rights) {
    const id = idAt(left, at);
    const otherId = idAt(right, other);
    if (id === otherId) {
      sum += (left[2 * lefts + at] as number) * (right[2 * rights + other] as number);
    }
    if (id <= otherId) at += 1;
    if (otherId <= id) other += 1;
  }
  return sum * sparseStep * sparseStep;
}

/** The largest weight of each term: what texts in pieces are about together. */
export function sparseUnion(vectors: readonly SparseVector[]): SparseVector {
  const [only, ...others] = vectors;
  if (only !== undefined && others.length === 0) return only;
  const weights = new Map<number, number>();
  for (const vector of vectors) {
    const count = vector.length / sparseTermBytes;
    for (let at = 0; at < count; at += 1) {
      const id = idAt(vector, at);
      const weight = vector[2 * count + at] as number;
      weights.set(id, Math.max(weights.get(id) ?? 0, weight));
    }
  }
  const terms = [...weights].sort(([left], [right]) => left - right);
  return packed(
    terms.map(([id]) => id),
    terms.map(([, weight]) => weight),
  );
}

function idAt(vector: SparseVector, at: number): number {
  return (vector[2 * at] as number) | ((vector[2 * at + 1] as number) << 8);
}

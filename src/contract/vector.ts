/**
 * What a vector must be, wherever it comes from: the one check in front of every index, native or
 * not.
 */

/** Squared length may differ from 1 by the rounding of fp16 and int8 graphs, never by more. */
const squaredNormTolerance = 1e-2;

export interface VectorDefect {
  readonly kind: "dimensions" | "length";
  readonly message: string;
  readonly details: Readonly<Record<string, number | string>>;
}

/**
 * Undefined for `dimensions` finite numbers of unit length; native code aborts the process on some
 * of the rest.
 */
export function vectorDefect(vector: Float32Array, dimensions: number): VectorDefect | undefined {
  if (!(vector instanceof Float32Array) || vector.length !== dimensions) {
    return {
      kind: "dimensions",
      message: "a vector has the wrong number of dimensions",
      details: { dimensions: vector.length, expected: dimensions },
    };
  }
  const squaredNorm = dotProduct(vector, vector);
  // A NaN or an infinity anywhere makes the sum NaN or infinite; NaN compares false with
  // everything.
  if (Math.abs(squaredNorm - 1) <= squaredNormTolerance) return undefined;
  return {
    kind: "length",
    message: "a vector is not finite or not of unit length",
    details: { squaredNorm: String(squaredNorm) },
  };
}

/** The cosine of two vectors of unit length; 0 when they differ in their dimensions. */
export function dotProduct(left: ArrayLike<number>, right: ArrayLike<number>): number {
  if (left.length !== right.length) return 0;
  // Four sums: one would wait for itself at each number. Not taken from an array: what is inlined
  // into a caller then keeps them as objects, and takes three times as long.
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  const even = left.length & ~3;
  for (let at = 0; at < even; at += 4) {
    a += (left[at] as number) * (right[at] as number);
    b += (left[at + 1] as number) * (right[at + 1] as number);
    c += (left[at + 2] as number) * (right[at + 2] as number);
    d += (left[at + 3] as number) * (right[at + 3] as number);
  }
  for (let at = even; at < left.length; at += 1) {
    a += (left[at] as number) * (right[at] as number);
  }
  return a + b + (c + d);
}

/** The largest number of a grid, in its steps. */
const gridMax = 2_039;
/** Added and taken off again, a number is rounded to a whole one, halves to the even one. */
const roundingShift = 1.5 * 2 ** 52;

/**
 * The vector as the indexes hold it: its numbers rounded to 12 bits, in steps of a power of two,
 * the smallest of which its largest number has no more than `gridMax`. That is far finer than what
 * a model's numbers mean, and says the same of a chunk in both shards
 * (ops/decisions/0037-counted-once-and-packed.md). Rounding twice changes nothing.
 */
export function onGrid(vector: Float32Array): Float32Array {
  let most = 0;
  for (const value of vector) most = Math.max(most, Math.abs(value));
  let step = 2 ** (Math.floor(Math.log2(most)) - 10);
  if (most / step > gridMax) step *= 2;
  return vector.map((value) => (value / step + roundingShift - roundingShift) * step);
}

/** The cosine of two vectors of any length but 0; NaN for that. */
export function cosine(left: ArrayLike<number>, right: ArrayLike<number>): number {
  const squaredNorms = dotProduct(left, left) * dotProduct(right, right);
  return dotProduct(left, right) / Math.sqrt(squaredNorms);
}

/** The mean of vectors of unit length, of unit length again: what texts in pieces mean together. */
export function meanDirection(vectors: readonly [Float32Array, ...Float32Array[]]): Float32Array {
  const [first, ...others] = vectors;
  if (others.length === 0) return first;
  // In float64, so that the order of the pieces is all that the sum depends on.
  const sum = Float64Array.from(first);
  for (const vector of others) {
    for (let index = 0; index < sum.length; index += 1) {
      sum[index] = (sum[index] as number) + (vector[index] as number);
    }
  }
  const norm = Math.sqrt(dotProduct(sum, sum));
  // Pieces that cancel each other out mean nothing together: then the first speaks for all.
  return norm < 1e-6 ? first : Float32Array.from(sum, (value) => value / norm);
}

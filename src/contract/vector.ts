/** What a vector must be, wherever it comes from: the one check in front of every index, native or not. */

/** Squared length may differ from 1 by the rounding of fp16 and int8 graphs, never by more. */
const squaredNormTolerance = 1e-2;

export interface VectorDefect {
  readonly message: string;
  readonly details: Readonly<Record<string, number | string>>;
}

/** Undefined for `dimensions` finite numbers of unit length; native code aborts the process on some of the rest. */
export function vectorDefect(vector: Float32Array, dimensions: number): VectorDefect | undefined {
  if (!(vector instanceof Float32Array) || vector.length !== dimensions) {
    return {
      message: "a vector has the wrong number of dimensions",
      details: { dimensions: vector.length, expected: dimensions },
    };
  }
  let squaredNorm = 0;
  for (let index = 0; index < dimensions; index += 1) squaredNorm += (vector[index] as number) ** 2;
  // A NaN or an infinity anywhere makes the sum NaN or infinite; NaN compares false with everything.
  if (Math.abs(squaredNorm - 1) <= squaredNormTolerance) return undefined;
  return {
    message: "a vector is not finite or not of unit length",
    details: { squaredNorm: String(squaredNorm) },
  };
}

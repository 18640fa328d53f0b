/** H4: the one gate in front of the index. Native code aborts the process on what this refuses. */

import { FreshetError } from "../contract/errors.ts";

/** Squared length may differ from 1 by the rounding of a quantised model, never by more. */
const squaredNormTolerance = 1e-2;

/** @throws FreshetError internal unless the vector is `dimensions` finite numbers of unit length */
export function checkVector(vector: Float32Array, dimensions: number): void {
  if (!(vector instanceof Float32Array) || vector.length !== dimensions) {
    throw new FreshetError("internal", "a vector has the wrong number of dimensions", {
      details: { dimensions: vector.length, expected: dimensions },
    });
  }
  let squaredNorm = 0;
  for (let index = 0; index < dimensions; index += 1) squaredNorm += (vector[index] ?? 0) ** 2;
  // Written so that NaN, which compares false with everything, is refused too.
  if (!(Math.abs(squaredNorm - 1) <= squaredNormTolerance)) {
    throw new FreshetError("internal", "a vector is not finite or not of unit length", {
      details: { squaredNorm: String(squaredNorm) },
    });
  }
}

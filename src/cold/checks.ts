/** What a cold shard refuses before it asks its server anything: these are broken callers, not outages. */

import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { ColdObject, ColdQuery } from "./port.ts";

/** Squared length may differ from 1 by the rounding of a quantised model, never by more. */
const squaredNormTolerance = 1e-2;

/** @throws FreshetError internal on a page above the bound or a vector that is not of unit length */
export function checkObjects(objects: readonly ColdObject[], dimensions?: number): void {
  if (objects.length > limits.mergePageObjects) {
    throw new FreshetError("internal", "a merge page is above its bound", {
      details: { objects: objects.length, max: limits.mergePageObjects },
    });
  }
  for (const { vector } of objects) checkUnitVector(vector, dimensions);
}

/** @throws FreshetError internal on a limit that is no positive integer or a vector of wrong shape */
export function checkQuery(query: ColdQuery, dimensions?: number): void {
  if (!Number.isSafeInteger(query.limit) || query.limit < 1) {
    throw new FreshetError("internal", "a cold search needs a positive limit");
  }
  checkUnitVector(query.vector, dimensions);
}

function checkUnitVector(vector: Float32Array, dimensions = vector.length): void {
  if (vector.length !== dimensions || vector.length === 0) {
    throw new FreshetError("internal", "a vector has the wrong number of dimensions", {
      details: { dimensions: vector.length, expected: dimensions },
    });
  }
  let squaredNorm = 0;
  for (const value of vector) squaredNorm += value * value;
  // Written so that NaN, which compares false with everything, is refused too.
  if (!(Math.abs(squaredNorm - 1) <= squaredNormTolerance)) {
    throw new FreshetError("internal", "a vector is not finite or not of unit length", {
      details: { squaredNorm: String(squaredNorm) },
    });
  }
}

/** Cosine of two unit vectors; 0 when their lengths differ, which no caller lets happen. */
export function cosine(left: ArrayLike<number>, right: ArrayLike<number>): number {
  if (left.length !== right.length) return 0;
  let sum = 0;
  for (let index = 0; index < left.length; index += 1) {
    sum += (left[index] ?? 0) * (right[index] ?? 0);
  }
  return sum;
}

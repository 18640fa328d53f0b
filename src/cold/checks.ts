/** What a cold shard refuses before it asks its server anything: these are broken callers, not outages. */

import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { ColdObject, ColdQuery } from "./port.ts";
import { RefusedObjectsError } from "./refusal.ts";

/** Squared length may differ from 1 by the rounding of a quantised model, never by more. */
const squaredNormTolerance = 1e-2;

export interface CheckedObjects {
  readonly sound: readonly ColdObject[];
  /** What no vendor can index: it would stay a fault of these objects, however often they are sent. */
  readonly refused: readonly ColdObject[];
}

/** @throws FreshetError internal on a page above the bound or a vector of another length than the model's */
export function checkObjects(objects: readonly ColdObject[], dimensions?: number): CheckedObjects {
  if (objects.length > limits.mergePageObjects) {
    throw new FreshetError("internal", "a merge page is above its bound", {
      details: { objects: objects.length, max: limits.mergePageObjects },
    });
  }
  for (const { vector } of objects) checkDimensions(vector, dimensions);
  const [sound, refused] = parted(objects, ({ vector }) => isUnit(squaredNormOf(vector)));
  return { sound, refused };
}

function parted<Item>(items: readonly Item[], fits: (item: Item) => boolean) {
  return [items.filter(fits), items.filter((item) => !fits(item))] as const;
}

/** @throws RefusedObjectsError when there are any */
export function throwRefused(refused: readonly ColdObject[]): void {
  if (refused.length > 0) throw new RefusedObjectsError(refused.map(({ id }) => id));
}

/** @throws FreshetError internal on a limit that is no positive integer or a vector of wrong shape */
export function checkQuery(query: ColdQuery, dimensions?: number): void {
  if (!Number.isSafeInteger(query.limit) || query.limit < 1) {
    throw new FreshetError("internal", "a cold search needs a positive limit");
  }
  checkDimensions(query.vector, dimensions);
  const squaredNorm = squaredNormOf(query.vector);
  if (isUnit(squaredNorm)) return;
  throw new FreshetError("internal", "a vector is not finite or not of unit length", {
    details: { squaredNorm: String(squaredNorm) },
  });
}

function checkDimensions(vector: Float32Array, dimensions = vector.length): void {
  if (vector.length !== dimensions || vector.length === 0) {
    throw new FreshetError("internal", "a vector has the wrong number of dimensions", {
      details: { dimensions: vector.length, expected: dimensions },
    });
  }
}

function squaredNormOf(vector: Float32Array): number {
  let squaredNorm = 0;
  for (const value of vector) squaredNorm += value * value;
  return squaredNorm;
}

/** NaN compares false with everything, so it is none. */
function isUnit(squaredNorm: number): boolean {
  return Math.abs(squaredNorm - 1) <= squaredNormTolerance;
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

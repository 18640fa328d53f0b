/**
 * What a cold shard refuses before it asks its server anything: these are broken callers, not
 * outages.
 */

import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import { type VectorDefect, vectorDefect } from "../contract/vector.ts";
import type { ColdObject, ColdQuery } from "./port.ts";
import { RefusedObjectsError } from "./refusal.ts";

export interface CheckedObjects {
  readonly sound: readonly ColdObject[];
  /** What no vendor can index: it stays a fault of these objects, however often they are sent. */
  readonly refused: readonly ColdObject[];
}

/**
 * @param dimensions of the model; any when absent
 * @throws FreshetError internal (a page above the bound, a vector of another length than the
 *   model's)
 */
export function checkObjects(objects: readonly ColdObject[], dimensions?: number): CheckedObjects {
  if (objects.length > limits.mergePageObjects) {
    throw new FreshetError("internal", "a merge page is above its bound", {
      details: { objects: objects.length, max: limits.mergePageObjects },
    });
  }
  const sound: ColdObject[] = [];
  const refused: ColdObject[] = [];
  for (const object of objects) {
    const defect = defectOf(object.vector, dimensions);
    if (defect?.kind === "dimensions") throw broken(defect);
    (defect === undefined ? sound : refused).push(object);
  }
  return { sound, refused };
}

/** @throws RefusedObjectsError when there are any */
export function throwRefused(refused: readonly ColdObject[]): void {
  if (refused.length > 0) throw new RefusedObjectsError(refused.map(({ id }) => id));
}

/**
 * @throws FreshetError internal on a limit that is no positive integer or a vector that is not
 *   sound
 */
export function checkQuery(query: ColdQuery, dimensions?: number): void {
  if (!Number.isSafeInteger(query.limit) || query.limit < 1) {
    throw new FreshetError("internal", "a cold search needs a positive limit");
  }
  const defect = defectOf(query.vector, dimensions);
  if (defect !== undefined) throw broken(defect);
}

/** A vector without numbers is never sound. */
function defectOf(
  vector: Float32Array,
  dimensions = Math.max(1, vector.length),
): VectorDefect | undefined {
  return vectorDefect(vector, dimensions);
}

function broken({ message, details }: VectorDefect): FreshetError {
  return new FreshetError("internal", message, { details });
}

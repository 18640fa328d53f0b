/** H4: the gate in front of the index. */

import { FreshetError } from "../contract/errors.ts";
import { vectorDefect } from "../contract/vector.ts";

/** @throws FreshetError internal unless the vector is `dimensions` finite numbers of unit length */
export function checkVector(vector: Float32Array, dimensions: number): void {
  const defect = vectorDefect(vector, dimensions);
  if (defect === undefined) return;
  throw new FreshetError("internal", defect.message, { details: defect.details });
}

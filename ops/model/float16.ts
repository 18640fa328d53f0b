/** float32 to float16 (IEEE 754 binary16), for the weights of the fp16 graph. Pure. */

import { CompileError } from "./compile-error.ts";

/** The largest finite float16. */
const largest = 65504;

/**
 * Rounds each value to the nearest float16, ties to even. Smaller than half of the smallest
 * subnormal (2^-25) becomes zero, which a weight may be.
 * @throws CompileError when a value has no finite float16: infinity in one weight makes every
 * vector NaN.
 */
export function toFloat16(label: string, values: Float32Array): Float16Array<ArrayBuffer> {
  const rounded = new Float16Array(values);
  for (const [index, value] of rounded.entries()) {
    if (Number.isFinite(value)) continue;
    throw new CompileError(
      `a ${label} of ${values[index]} is beyond float16 (${largest}): compile fp32 instead`,
    );
  }
  return rounded;
}

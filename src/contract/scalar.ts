/** One value of metadata, as documents hold it and filters ask for it. */

import { z } from "zod";
import { limits } from "./limits.ts";

const losesDigits = `a number beyond ${Number.MAX_SAFE_INTEGER} loses digits: send it as text`;

/**
 * JSON numbers are read as float64: from 2^53 on, two whole numbers that were sent as different
 * become one. So such a number is refused in documents and filters alike, on every way in, however
 * its literal was written; an id of 19 digits is text.
 */
export const exactNumber = z
  .number()
  .refine((value) => Math.abs(value) <= Number.MAX_SAFE_INTEGER, {
    error: losesDigits,
  })
  .meta({ minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER });

export const scalarSchema = z.union(
  [z.string().max(limits.metadataValueCharsMax), exactNumber, z.boolean()],
  {
    error: ({ input }) => (Array.isArray(input) ? "it is one value, no list" : valueProblem(input)),
  },
);

export type Scalar = z.infer<typeof scalarSchema>;

/** Why a value is none, also inside a list. */
export function valueProblem(input: unknown): string {
  const values: readonly unknown[] = Array.isArray(input) ? input : [input];
  if (values.length > limits.metadataListMax) {
    return `a list has at most ${limits.metadataListMax} values`;
  }
  // 1e400 is JSON, but no float64: it is read as infinity.
  const isInfinite = values.some((value) => typeof value === "number" && !Number.isFinite(value));
  return isInfinite ? losesDigits : "a value is text, a number, true or false, or a list of such";
}

/** A small request against its schema, in words that name only fields of ours. */

import type { z } from "zod";
import { FreshetError } from "../contract/errors.ts";
import { describeIssue } from "../contract/issue.ts";

/** @throws FreshetError invalid_request */
export function parsed<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape, z.core.$strict>,
  body: unknown,
): z.infer<z.ZodObject<Shape, z.core.$strict>> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const names = Object.keys(schema.shape);
  throw new FreshetError(
    "invalid_request",
    describeIssue(result.error, { root: "request", names }),
  );
}

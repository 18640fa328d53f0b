/** A request against its schema, in words that name only fields of ours (I10). */

import type { z } from "zod";
import { FreshetError } from "../contract/errors.ts";
import { describeIssue } from "../contract/issue.ts";

/**
 * `inner` are the names of fields further down that a refusal may repeat.
 * @throws FreshetError invalid_request, which names the first field of ours that is wrong
 */
export function parsed<Shape extends z.ZodRawShape, Config extends z.core.$ZodObjectConfig>(
  schema: z.ZodObject<Shape, Config>,
  body: unknown,
  inner: readonly string[] = [],
): z.infer<z.ZodObject<Shape, Config>> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const names = [...Object.keys(schema.shape), ...inner];
  throw new FreshetError(
    "invalid_request",
    describeIssue(result.error, { root: "request", names }),
  );
}

/**
 * The schema of a tool's arguments as clients are shown it. It checks nothing: the tool does, so
 * that a refusal has a code (MX2). The library would refuse in words of its own, without one, and
 * repeat names that the sender chose (I10).
 */

import type { z } from "zod";

export function shown(schema: z.ZodObject) {
  const { jsonSchema } = schema["~standard"];
  const validate = (value: unknown) => ({ value });
  return { "~standard": { version: 1 as const, vendor: "freshet", jsonSchema, validate } };
}

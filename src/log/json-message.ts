/** A message's JSON body. Pure. */

import type { z } from "zod";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Undefined when the bytes are not what the schema says: the message is somebody else's. */
export function jsonIn<Value>(schema: z.ZodType<Value>, data: Uint8Array): Value | undefined {
  try {
    const parsed = schema.safeParse(JSON.parse(decoder.decode(data)));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

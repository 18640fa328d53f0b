/** An entry of the attempt journal as it is stored. Pure. */

import { z } from "zod";
import type { Attempts } from "../dead-letter-port.ts";
import { decodeJson, encodeJson, epochSchema, versionSchema } from "./json.ts";

const attemptsSchema: z.ZodType<Attempts> = z.looseObject({
  upTo: versionSchema,
  lives: z.int().min(1),
  epoch: epochSchema,
});

export function encodeAttempts(attempts: Attempts): Uint8Array {
  return encodeJson(attempts);
}

/** Undefined for a foreign message. */
export function decodeAttempts(data: Uint8Array): Attempts | undefined {
  return decodeJson(attemptsSchema, data);
}

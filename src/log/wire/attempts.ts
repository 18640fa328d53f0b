/** An entry of the attempt journal as it is stored. Pure. */

import { z } from "zod";
import type { Attempts } from "../dead-letter-port.ts";
import { decodeJson, encodeJson, epochSchema, versionSchema } from "./json.ts";

const attemptsSchema = z.object({
  upTo: versionSchema,
  lives: z.int().min(1),
  epoch: epochSchema,
});

export function encodeAttempts({ upTo, lives, epoch }: Attempts): Uint8Array {
  return encodeJson({ upTo, lives, epoch });
}

/** Undefined for a foreign message. */
export function decodeAttempts(data: Uint8Array): Attempts | undefined {
  return decodeJson(attemptsSchema, data);
}

/** The tokens of a tenant's day as they are stored. Pure. */

import { z } from "zod";
import type { DayTokens } from "../../contract/quota.ts";
import { decodeJson, encodeJson } from "./json.ts";

const count = z.int().min(0);

const tokensSchema = z.object({
  day: count,
  tenant: count,
  credentials: z.record(z.string(), count),
});

export function encodeTokens({ day, tenant, credentials }: DayTokens): Uint8Array {
  return encodeJson({ day, tenant, credentials });
}

/** Undefined for a foreign message. */
export function decodeTokens(data: Uint8Array): DayTokens | undefined {
  return decodeJson(tokensSchema, data);
}

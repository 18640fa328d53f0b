/** What models took of a tenant's day, tokens and time, as it is stored. Pure. */

import { z } from "zod";
import type { DayTokens } from "../../contract/quota.ts";
import { decodeJson, encodeJson } from "./json.ts";

const count = z.int().min(0);

const tokensSchema: z.ZodType<DayTokens> = z.looseObject({
  day: count,
  tenant: count,
  credentials: z.record(z.string(), count),
  tenant_ms: count.optional(),
  credentials_ms: z.record(z.string(), count).optional(),
});

export function encodeTokens(tokens: DayTokens): Uint8Array {
  return encodeJson(tokens);
}

/** Undefined for a foreign message. */
export function decodeTokens(data: Uint8Array): DayTokens | undefined {
  return decodeJson(tokensSchema, data);
}

/** What a tenant asks for beyond redaction, as it is stored. Pure. */

import { z } from "zod";
import { limits } from "../../contract/limits.ts";
import type { TenantPrivacy } from "../../contract/tenant-privacy.ts";
import { decodeJson, encodeJson, versionSchema } from "./json.ts";

const keySchema = z.looseObject({
  id: z.string().regex(/^[0-9a-f]{16}$/),
  by: z.string().regex(/^[0-9a-f]{16}$/),
  wrapped: z.string().max(limits.wrappedKeyCharsMax),
  atMs: z.int().min(0),
});

const privacySchema: z.ZodType<TenantPrivacy> = z.looseObject({
  rawMs: z.int().min(0).nullable().optional(),
  encryption: z.enum(["on", "required"]).optional(),
  plainTo: versionSchema.optional(),
  heldFrom: versionSchema.optional(),
  holds: z.array(versionSchema).max(limits.erasesPerTenantMax).optional(),
  batches: z
    .array(z.array(versionSchema).min(2).max(limits.eraseDocumentsMax))
    .max(limits.erasesPerTenantMax)
    .optional(),
  keys: z.array(keySchema).max(limits.payloadKeysMax).optional(),
});

export function encodePrivacy(privacy: TenantPrivacy): Uint8Array {
  return encodeJson(privacy);
}

/** Undefined for a foreign message. */
export function decodePrivacy(data: Uint8Array): TenantPrivacy | undefined {
  return decodeJson(privacySchema, data);
}

/** What a tenant is at, as it is stored. Pure. */

import { z } from "zod";
import { signedReceiptSchema } from "../../contract/receipt.ts";
import type { TenantLife } from "../../contract/tenant-life.ts";
import { decodeJson, encodeJson, positionSchema, versionSchema } from "./json.ts";

const atMs = z.int().min(0);

const lifeSchema = z.discriminatedUnion("state", [
  z.object({ state: z.literal("active"), forgetAtMs: atMs.optional() }),
  z.object({ state: z.literal("asleep"), atMs, version: versionSchema, to: positionSchema }),
  z.object({ state: z.literal("suspended"), atMs }),
  z.object({ state: z.literal("erasing"), atMs }),
  z.object({ state: z.literal("erased"), atMs, receipt: signedReceiptSchema }),
]);

export function encodeLife(life: TenantLife): Uint8Array {
  return encodeJson(life);
}

/** Undefined for a foreign message. */
export function decodeLife(data: Uint8Array): TenantLife | undefined {
  return decodeJson(lifeSchema, data);
}

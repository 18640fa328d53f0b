/** What a tenant is at, as it is stored. Pure. */

import { z } from "zod";
import { countsSchema, storedReceiptSchema } from "../../contract/receipt.ts";
import type { TenantLife } from "../../contract/tenant-life.ts";
import { decodeJson, encodeJson, laterFields, positionSchema, versionSchema } from "./json.ts";

const atMs = z.int().min(0);

const states = {
  active: { state: z.literal("active"), forgetAtMs: atMs.optional() },
  asleep: { state: z.literal("asleep"), atMs, version: versionSchema, to: positionSchema },
  suspended: { state: z.literal("suspended"), atMs },
  erasing: { state: z.literal("erasing"), atMs, found: countsSchema.optional() },
  erased: { state: z.literal("erased"), atMs, receipt: storedReceiptSchema },
} as const;

const lifeSchema: z.ZodType<TenantLife> = z.discriminatedUnion("state", [
  z.looseObject(states.active),
  z.looseObject(states.asleep),
  z.looseObject(states.suspended),
  z.looseObject(states.erasing),
  z.looseObject(states.erased),
]);

export function encodeLife(life: TenantLife): Uint8Array {
  return encodeJson(life);
}

/** Undefined for a foreign message. */
export function decodeLife(data: Uint8Array): TenantLife | undefined {
  return decodeJson(lifeSchema, data);
}

const known = new Set(Object.values(states).flatMap((state) => Object.keys(state)));

/** The next state of a tenant, with what a later Freshet keeps in its record. */
export function lifeAfter(stored: TenantLife, next: TenantLife): TenantLife {
  return { ...laterFields(known, stored), ...next };
}

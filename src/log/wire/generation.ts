/** Which generations a tenant has, as it is stored. Pure. */

import { z } from "zod";
import type { TenantGenerations } from "../../contract/generation.ts";
import { decodeJson, encodeJson, laterFields, positionSchema, versionSchema } from "./json.ts";

const number = z.int().min(1);
const generation = z.looseObject({
  number,
  model: z.string().nullable(),
  builtTo: versionSchema,
  probe: z.string().optional(),
});
const pair = z.tuple([z.number(), z.number()]);
const compared = z.looseObject({
  atMs: z.int().min(0),
  questions: z.int().min(1),
  k: z.int().min(1),
  overlap: z.number().min(0).max(1),
  ndcg: pair.optional(),
  p50Ms: pair,
  p99Ms: pair,
});
const cut = z.looseObject({ at: versionSchema, atMs: z.int().min(0), isRolledBack: z.boolean() });
const always = { active: generation, next: number, released: z.array(number) };
const walk = z.object({
  after: z.string(),
  pieces: z.array(z.string()),
  isWhole: z.boolean(),
  isSecond: z.boolean(),
});
const underWay = {
  ...{ ...always, other: generation, from: positionSchema, upTo: versionSchema },
  walk: walk.optional(),
};

const fed = {
  ...{ state: z.literal("fed"), ...always, other: generation },
  ...{ compared: compared.optional(), cut: cut.optional() },
};

const generationsSchema: z.ZodType<TenantGenerations> = z.discriminatedUnion("state", [
  z.looseObject({ state: z.literal("single"), ...always }),
  z.looseObject({ state: z.literal("building"), ...underWay }),
  z.looseObject({ state: z.literal("joining"), ...underWay }),
  z.looseObject(fed),
]);

const known = new Set([...Object.keys(underWay), ...Object.keys(fed)]);

/** The next record, with what a later Freshet keeps in it. */
export function generationsAfter(
  stored: TenantGenerations,
  next: TenantGenerations,
): TenantGenerations {
  return { ...laterFields(known, stored), ...next };
}

export function encodeGenerations(generations: TenantGenerations): Uint8Array {
  return encodeJson(generations);
}

/** Undefined for a foreign message. */
export function decodeGenerations(data: Uint8Array): TenantGenerations | undefined {
  return decodeJson(generationsSchema, data);
}

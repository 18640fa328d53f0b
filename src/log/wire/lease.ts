/** A partition lease as it is stored. Pure. */

import { z } from "zod";
import { decodeJson, encodeJson } from "./json.ts";

const holderSchema = z.object({
  node: z.string(),
  /** The message that takes a lease does not know its own sequence yet, so it names no epoch. */
  epoch: z.int().min(0).optional(),
  /** Which start of which node; those of earlier versions say neither. */
  name: z.string().optional(),
  boot: z.int().optional(),
});

export type LeaseHolder = z.infer<typeof holderSchema>;

export function encodeHolder(holder: LeaseHolder): Uint8Array {
  return encodeJson(holder);
}

/** Undefined for a foreign message. */
export function decodeHolder(data: Uint8Array): LeaseHolder | undefined {
  return decodeJson(holderSchema, data);
}

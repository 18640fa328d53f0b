/** The record of which log this is, as it is stored. Pure. */

import { z } from "zod";
import { digestOf } from "../../contract/digest.ts";
import { decodeJson, encodeJson } from "./json.ts";

const identitySchema = z.looseObject({
  format: z.literal(1),
  state: z.enum(["creating", "ready"]),
  createdAtMs: z.number(),
  partitions: z.int().min(1),
  /** Of DOCS, CHUNKS and HEADS. */
  incarnation: z.int().min(1),
  /** Of the lease stream. */
  leases: z.int().min(1),
});

/** What the record of every version says. */
const claimSchema = z.looseObject({ format: z.number(), incarnation: z.number() });

export type LogIdentity = z.infer<typeof identitySchema>;

export type IdentityReading =
  | { readonly kind: "identity"; readonly identity: LogIdentity }
  /** An identity of a later version, or a damaged one. */
  | { readonly kind: "unreadable" }
  | { readonly kind: "foreign" };

/**
 * The same for as long as this log lives, whichever process writes its record again, and different
 * for every other log, also for one that was restored from a backup of this one. Two logs that one
 * script creates in the same millisecond differ in its fraction, which the server sets.
 */
export function deploymentOf({ createdAtMs, incarnation }: LogIdentity): string {
  return digestOf(new TextEncoder().encode(`${createdAtMs}/${incarnation}`)).slice(0, 16);
}

export function encodeIdentity(identity: LogIdentity): Uint8Array {
  return encodeJson(identity);
}

export function decodeIdentity(data: Uint8Array): IdentityReading {
  const identity = decodeJson(identitySchema, data);
  if (identity !== undefined) return { kind: "identity", identity };
  return { kind: decodeJson(claimSchema, data) === undefined ? "foreign" : "unreadable" };
}

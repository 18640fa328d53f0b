/** What a tenant asks for beyond redaction: how long its raw text stays, and under which key. */

import type { Version } from "./ids.ts";
import { limits } from "./limits.ts";

/** A key of the tenant, wrapped by one of the installation's. */
export interface WrappedKey {
  /** Eight bytes, hexadecimal: named by what it sealed. */
  readonly id: string;
  /** Which key of the installation opens it. */
  readonly by: string;
  /** Nonce, sealed key and tag, base64url. */
  readonly wrapped: string;
  readonly atMs: number;
}

/** `required`: what comes into DOCS in plain text is refused. */
export type PayloadEncryption = "on" | "required";

export interface TenantPrivacy {
  /**
   * How long DOCS keeps what was published once it is processed; null: for ever. Undefined: as long
   * as the installation's replay window.
   */
  readonly rawMs?: number | null | undefined;
  readonly encryption?: PayloadEncryption | undefined;
  /** Of `required`: plain text up to this operation was published before. */
  readonly plainTo?: Version | undefined;
  /** Erases of documents that are under way read what was published from here on. */
  readonly heldFrom?: Version | undefined;
  /** What each of them reads first. Without it there is one, from `heldFrom` on. */
  readonly holds?: readonly Version[] | undefined;
  /** The newest last: it seals what comes. */
  readonly keys?: readonly WrappedKey[] | undefined;
}

export const noPrivacy: TenantPrivacy = {};

/** A repetition is known by the operation that it repeats, while its message id is remembered. */
export const rawMsMin = 2 * limits.duplicateWindowMs;

/** How long raw text stays. Undefined: as long as the installation keeps it; null: for ever. */
export function rawKeptMs({ rawMs }: TenantPrivacy): number | null | undefined {
  return rawMs === undefined || rawMs === null ? rawMs : Math.max(rawMs, rawMsMin);
}

export function currentKey({ keys }: TenantPrivacy): WrappedKey | undefined {
  return keys?.at(-1);
}

/** What the erases of documents that are under way read, each from its version on. */
export function holdsOf({ holds, heldFrom }: TenantPrivacy): readonly Version[] {
  return holds ?? (heldFrom === undefined ? [] : [heldFrom]);
}

export function withHolds(privacy: TenantPrivacy, holds: readonly Version[]): TenantPrivacy {
  const { heldFrom: _, holds: __, ...now } = privacy;
  if (holds.length === 0) return now;
  return { ...now, heldFrom: Math.min(...holds) as Version, holds };
}

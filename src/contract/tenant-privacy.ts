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

/** The deletes of one erase, ascending. */
export type HeldDeletes = readonly Version[];

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
  /** All deletes of those erases that have several, each list ascending from what it holds. */
  readonly batches?: readonly HeldDeletes[] | undefined;
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

/** The deletes of each erase that is under way. */
export function heldDeletesOf(privacy: TenantPrivacy): readonly HeldDeletes[] {
  const batches = new Map(privacy.batches?.map((batch) => [batch[0], batch]));
  return holdsOf(privacy).map((first) => batches.get(first) ?? [first]);
}

/** What each of the others holds. */
export function othersOf(held: readonly HeldDeletes[], own: HeldDeletes): readonly HeldDeletes[] {
  return held.filter((other) => other[0] !== own[0]);
}

export function firstOf(deletes: HeldDeletes): Version {
  return deletes[0] as Version;
}

export function lastOf(deletes: HeldDeletes): Version {
  return deletes.at(-1) as Version;
}

/** Whether the record has room for one more erase, of so many documents. */
export function hasRoomToHold(privacy: TenantPrivacy, documents: number): boolean {
  const held = heldDeletesOf(privacy);
  const all = held.reduce((sum, { length }) => sum + length, documents);
  return held.length < limits.erasesPerTenantMax && all <= limits.erasedPerTenantMax;
}

/** Undefined when it is held already. */
export function withErase(privacy: TenantPrivacy, deletes: HeldDeletes): TenantPrivacy | undefined {
  const [first] = deletes;
  const held = heldDeletesOf(privacy);
  const same = held.find((other) => other[0] === first);
  if (first === undefined || same?.length === deletes.length) return undefined;
  const others = held.filter((other) => other !== same);
  return holding(privacy, [...others, deletes]);
}

/** Keeps of what is held that of the erases whose first deletes these are. */
export function withHolds(privacy: TenantPrivacy, holds: readonly Version[]): TenantPrivacy {
  const batches = new Map(privacy.batches?.map((batch) => [batch[0], batch]));
  return holding(
    privacy,
    holds.map((first) => batches.get(first) ?? [first]),
  );
}

function holding(privacy: TenantPrivacy, held: readonly HeldDeletes[]): TenantPrivacy {
  const { heldFrom: _, holds: __, batches: ___, ...now } = privacy;
  const holds = held.flatMap(([first]) => first ?? []);
  if (holds.length === 0) return now;
  const batches = held.filter(({ length }) => length > 1);
  const heldFrom = Math.min(...holds) as Version;
  return { ...now, heldFrom, holds, ...(batches.length === 0 ? {} : { batches }) };
}

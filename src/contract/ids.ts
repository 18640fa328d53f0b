/** Branded ids: a tenant cannot be passed where a document id is meant. */

import { FreshetError } from "./errors.ts";
import { isPlainName } from "./well-formed.ts";

declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** `[A-Za-z0-9_-]{1,64}`: safe as a NATS subject token and as a Weaviate tenant name. */
export type TenantId = Branded<string, "TenantId">;

/** 1-512 bytes of UTF-8 without control characters; chosen by the publisher. */
export type DocumentId = Branded<string, "DocumentId">;

/**
 * A document's version: the DOCS stream sequence of the operation, so later in the log is newer.
 * The stream's first sequence is `incarnation x 2^40`: a version of a recreated stream is above
 * every one of its predecessor. It is also the freshness token that a publisher gets back (`seq`).
 */
export type Version = Branded<number, "Version">;

/** A sequence of the CHUNKS stream. Zero is "before the first record". */
export type Position = Branded<number, "Position">;

/** A writer's epoch: the revision of its partition lease. Higher is newer. */
export type Epoch = Branded<number, "Epoch">;

/** A partition of the DOCS stream, `0 … partitions-1`, fixed when the stream is created. */
export type Partition = Branded<number, "Partition">;

/** 128-bit fingerprint of a document id inside its tenant: 32 hexadecimal digits. */
export type Fingerprint = Branded<string, "Fingerprint">;

const tenantPattern = /^[A-Za-z0-9_-]{1,64}$/;

export function isTenantId(value: string): value is TenantId {
  return tenantPattern.test(value);
}

/**
 * A *generation* of a tenant is its documents under one embedding model. What is stored of another
 * than the first has a name of its own, `acme~2`, which no publisher and no asker can use.
 */
const generationPattern = /^([A-Za-z0-9_-]{1,64})~([2-9]|[1-9]\d{1,3})$/;
export const generationMax = 9_999;

/** A tenant, or one of its later generations: what CHUNKS, manifests and heads are stored under. */
export function isStoredName(value: string): value is TenantId {
  return isTenantId(value) || generationPattern.test(value);
}

/** The tenant that publishers and askers know. */
export function tenantOf(name: TenantId): TenantId {
  if (!name.includes("~")) return name;
  return (generationPattern.exec(name)?.[1] ?? name) as TenantId;
}

export function generationOf(name: TenantId): number {
  if (!name.includes("~")) return 1;
  return Number(generationPattern.exec(name)?.[2] ?? 1);
}

export function generationName(tenant: TenantId, generation: number): TenantId {
  return generation === 1 ? tenant : (`${tenant}~${generation}` as TenantId);
}

/** @throws FreshetError invalid_tenant */
export function tenantId(value: string): TenantId {
  if (!isTenantId(value)) throw new FreshetError("invalid_tenant");
  return value;
}

export const documentIdBytesMax = 512;

const utf8 = new TextEncoder();

export function isDocumentId(value: string): value is DocumentId {
  if (value.length === 0 || !isPlainName(value)) return false;
  return value.length <= documentIdBytesMax && utf8.encode(value).length <= documentIdBytesMax;
}

/** @throws FreshetError invalid_request (not a whole number, or negative) */
function sequence<T extends number>(value: number): T {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new FreshetError("invalid_request", "a sequence is a whole number that is not negative");
  }
  return value as T;
}

export const version = (value: number): Version => sequence<Version>(value);
export const position = (value: number): Position => sequence<Position>(value);
export const epoch = (value: number): Epoch => sequence<Epoch>(value);
export const partition = (value: number): Partition => sequence<Partition>(value);

/** Before the first operation of a tenant, or of a stream. */
export const noVersion: Version = version(0);
/** Before the first record of a tenant, or of a stream. */
export const noPosition: Position = position(0);
/** Below that of every lease. */
export const noEpoch: Epoch = epoch(0);

type Sequence = Version | Position;

/** The sequence right after this one, whether or not anything is stored there yet. */
export const nextAfter = <T extends Sequence>(value: T): T => (value + 1) as T;

/** The sequence right before this one: what lies from `value` on lies after it. */
export const lastBefore = <T extends Sequence>(value: T): T => Math.max(value - 1, 0) as T;

/** The latest of several sequences of one stream. */
export const latestOf = <T extends Sequence>(first: T, ...others: readonly T[]): T =>
  Math.max(first, ...others) as T;

/** The earliest of several sequences of one stream. */
export const earliestOf = <T extends Sequence>(first: T, ...others: readonly T[]): T =>
  Math.min(first, ...others) as T;

/** Sequences of one incarnation of a stream; 2^53 / 2^40 leaves 8,192 incarnations. */
export const incarnationSpan = 2 ** 40;

/** Which incarnation of its stream a sequence belongs to. */
export function incarnationOf(seq: number): number {
  return Math.floor(seq / incarnationSpan);
}

/**
 * FNV-1a 32 of the tenant, modulo N: what the server's `{{partition(N,1)}}` computes. All
 * generations of a tenant are in its partition.
 */
export function partitionOf(tenant: TenantId, partitions: number): Partition {
  const name = tenantOf(tenant);
  let hash = fnvBasis;
  for (let at = 0; at < name.length; at += 1) {
    const code = name.charCodeAt(at);
    // Publishers also choose tokens that are no tenant ids: then bytes are not characters.
    if (code >= 0x80) return partition(hashOf(utf8.encode(name)) % partitions);
    hash = Math.imul(hash ^ code, fnvPrime);
  }
  return partition((hash >>> 0) % partitions);
}

const fnvBasis = 0x811c9dc5;
const fnvPrime = 0x01000193;

function hashOf(bytes: Uint8Array): number {
  let hash = fnvBasis;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, fnvPrime);
  return hash >>> 0;
}

/**
 * Ids of cold objects are immutable: a function of what they hold (C1). A timed-out write that
 * lands late can only re-create what is superseded already, never overwrite something newer.
 */

import type { DocumentId, TenantId, Version } from "../contract/ids.ts";
import { uuidBytes, uuidV5 } from "./hash.ts";

export interface ObjectKey {
  readonly tenant: TenantId;
  readonly documentId: DocumentId;
  readonly version: Version;
  readonly chunk: number;
}

/**
 * Drawn once, at random, for Freshet's cold objects. Changing it orphans everything that was
 * merged.
 */
const chunkNamespace = uuidBytes("6e0c2f0a-9d57-4a43-9a1e-3f5d1c8b7e42");
const markerNamespace = uuidBytes("b1d2c6f4-52e8-4d0b-8f77-0a9e6c35d918");

/** UUIDv5 over length-prefixed parts, so that no two different keys have the same bytes. */
export function objectId(key: ObjectKey): string {
  const parts = [key.tenant, key.documentId, String(key.version), String(key.chunk)];
  return uuidV5(chunkNamespace, lengthPrefixed(parts));
}

/** The id of the one marker object of a tenant. */
export function markerId(tenant: TenantId): string {
  return uuidV5(markerNamespace, lengthPrefixed([tenant]));
}

const encoder = new TextEncoder();

function lengthPrefixed(parts: readonly string[]): Uint8Array {
  const encoded = parts.map((part) => encoder.encode(part));
  const bytes = new Uint8Array(encoded.reduce((sum, part) => sum + 4 + part.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const part of encoded) {
    view.setUint32(at, part.length);
    bytes.set(part, at + 4);
    at += 4 + part.length;
  }
  return bytes;
}

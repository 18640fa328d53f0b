/** Fingerprints of document ids: what heads are keyed by, so that an entry has a fixed size. */

import { createHash } from "node:crypto";
import type { DocumentId, Fingerprint, TenantId } from "../contract/ids.ts";

/**
 * The first 128 bits of SHA-256 over the length-prefixed tenant and document id, as 32 lower-case
 * hexadecimal digits. Lengths are prefixed so that ("a", "bc") and ("ab", "c") differ; 128 bits
 * make a collision among a billion documents less likely than 10^-20, and SHA-256 keeps a publisher
 * from making one.
 */
export function fingerprintOf(tenant: TenantId, documentId: DocumentId): Fingerprint {
  const hash = createHash("sha256");
  for (const part of [tenant, documentId]) {
    const bytes = Buffer.from(part, "utf8");
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    hash.update(length).update(bytes);
  }
  return hash.digest("hex").slice(0, 32) as Fingerprint;
}

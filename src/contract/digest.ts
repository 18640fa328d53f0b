/** Digest of a piece of heads. */

import { createHash } from "node:crypto";

/**
 * SHA-256 in hexadecimal: a subject token, and long enough that equal digests mean equal pieces.
 */
export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

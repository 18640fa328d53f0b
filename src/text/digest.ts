/** Hashing for redaction. */

import { createHash, createHmac, hkdfSync } from "node:crypto";

const keyBytes = 32;

/** HMAC-SHA-256 of a text, in hexadecimal. */
export function keyedDigest(key: Uint8Array, text: string): string {
  return createHmac("sha256", key).update(text).digest("hex");
}

/** A key of its own for each purpose (HKDF): none tells of another, or of the secret. */
export function derivedKey(secret: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, "", purpose, keyBytes));
}

/** The checksum of Bitcoin's addresses is the start of this. */
export function doubleSha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(createHash("sha256").update(bytes).digest()).digest();
}

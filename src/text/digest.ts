/** Hashing for redaction. */

import { createHash, hash, hkdfSync } from "node:crypto";

const keyBytes = 32;

const blockBytes = 64;

/**
 * HMAC-SHA-256 (RFC 2104) of a text, in hexadecimal, under a key of at most one block. Of two plain
 * hashes: `createHmac` imports its key anew each time, which takes ten times as long.
 */
export function keyedDigest(key: Uint8Array, text: string): string {
  const inner = hash("sha256", Buffer.concat([padded(key, 0x36), Buffer.from(text)]), "buffer");
  return hash("sha256", Buffer.concat([padded(key, 0x5c), inner]), "hex");
}

function padded(key: Uint8Array, pad: number): Uint8Array {
  return Uint8Array.from({ length: blockBytes }, (_, index) => (key[index] ?? 0) ^ pad);
}

/** A key of its own for each purpose (HKDF): none tells of another, or of the secret. */
export function derivedKey(secret: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, "", purpose, keyBytes));
}

/** The checksum of Bitcoin's addresses is the start of this. */
export function doubleSha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(createHash("sha256").update(bytes).digest()).digest();
}

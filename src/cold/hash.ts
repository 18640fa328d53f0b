/** Name-based UUIDs of RFC 9562, section 5.5. */

import { hash } from "node:crypto";

/**
 * UUIDv5 of `name` in `namespace` (16 bytes): the first 16 bytes of SHA-1(namespace ‖ name) with
 * version and variant set. SHA-1 serves as a spreading function here, never as a proof of anything.
 */
export function uuidV5(namespace: Uint8Array, name: Uint8Array): string {
  const digest = hash("sha1", Buffer.concat([namespace, name]), "buffer").subarray(0, 16);
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x50;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const hex = digest.toString("hex");
  const groups = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ];
  return groups.join("-");
}

/** The 16 bytes of a UUID in its text form. */
export function uuidBytes(uuid: string): Uint8Array {
  return Buffer.from(uuid.replaceAll("-", ""), "hex");
}

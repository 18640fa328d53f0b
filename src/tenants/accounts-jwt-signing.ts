/**
 * A key pair of NATS that signs by Node's Ed25519. The library has it in JavaScript, where each
 * public key and each signature takes tens of milliseconds: half a second for one tenant.
 */

import { createPrivateKey, sign } from "node:crypto";
import type { KeyPair } from "@nats-io/nkeys";

/** What stands before the 32 bytes of a seed in PKCS #8. */
const pkcs8Head = Buffer.from("302e020100300506032b657004220420", "hex");
const seedBytes = 32;
/** The two that say whose seed it is. */
const prefixBytes = 2;
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** @param key the public key of `pair` */
export function signing(pair: KeyPair, key: string): KeyPair {
  const raw = bytesOf(Buffer.from(pair.getSeed()).toString("latin1"));
  const seed = raw.subarray(prefixBytes, prefixBytes + seedBytes);
  const encoded = Buffer.concat([pkcs8Head, seed]);
  const privateKey = createPrivateKey({ key: encoded, format: "der", type: "pkcs8" });
  return {
    getPublicKey: () => key,
    getPrivateKey: () => pair.getPrivateKey(),
    getSeed: () => pair.getSeed(),
    sign: (input) => sign(null, input, privateKey),
    verify: (input, signature) => pair.verify(input, signature),
    clear: () => pair.clear(),
    seal: (input, recipient, nonce) => pair.seal(input, recipient, nonce),
    open: (input, sender) => pair.open(input, sender),
  };
}

/** Base32 of RFC 4648, as the library has checked it. */
function bytesOf(text: string): Buffer {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const letter of text) {
    held = ((held << 5) | alphabet.indexOf(letter)) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 0xff);
  }
  return Buffer.from(bytes);
}

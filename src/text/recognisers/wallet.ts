import { doubleSha256 } from "../digest.ts";
import type { Effort } from "./effort.ts";
import { joined, type Recogniser } from "./recogniser.ts";

const ethereum = alone("0x[0-9a-f]{40}", "_", "giu");
const bech32 = alone("bc1[02-9ac-hj-np-z]{38,59}", "_", "giu");
const base58 = alone("[13][1-9A-HJ-NP-Za-km-z]{25,33}", "_+/=-", "gu");
const alphabet58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const alphabet32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const generators = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3] as const;
/** Bech32 and its successor for later witness versions (BIP 173, BIP 350). */
const constants = new Set([1, 0x2bc830a3]);
const addressBytes = 25;

/** Addresses of Bitcoin, with their checksums, and of Ethereum. */
export const wallet: Recogniser = {
  kind: "WALLET",
  *find(text, effort) {
    for (const { 0: match, index } of text.matchAll(ethereum)) {
      // `0x000…0` and `0xfff…f` are no one's.
      if (new Set(match.slice(2)).size > 2) yield { start: index, end: index + match.length };
    }
    for (const { 0: match, index } of text.matchAll(bech32)) {
      if (isBech32(match.toLowerCase())) yield { start: index, end: index + match.length };
    }
    for (const { 0: match, index } of text.matchAll(base58)) {
      if (isBase58(match, effort)) yield { start: index, end: index + match.length };
    }
  },
  normal: (value) => (/^(?:0x|bc1)/i.test(value) ? value.toLowerCase() : value),
};

function alone(shape: string, marks: string, flags: string): RegExp {
  return new RegExp(`(?<!${joined}|[${marks}])${shape}(?!${joined}|[${marks}])`, flags);
}

function isBech32(address: string): boolean {
  let sum = 1;
  const step = (value: number): void => {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    for (const [bit, generator] of generators.entries()) if ((top >> bit) & 1) sum ^= generator;
  };
  // The prefix `bc`, spread over its high and low bits (BIP 173).
  for (const value of [3, 3, 0, 2, 3]) step(value);
  for (const character of address.slice(3)) step(alphabet32.indexOf(character));
  return constants.has(sum >>> 0);
}

/** Base58Check: the last four bytes are the hash of the others. */
function isBase58(address: string, effort: Effort): boolean {
  return effort.passes(`base58 ${address}`, () => {
    let number = 0n;
    for (const character of address) number = number * 58n + BigInt(alphabet58.indexOf(character));
    const hex = number.toString(16);
    if (hex.length > 2 * addressBytes) return false;
    const bytes = Buffer.from(hex.padStart(2 * addressBytes, "0"), "hex");
    const body = bytes.subarray(0, -4);
    return doubleSha256(body).subarray(0, 4).equals(bytes.subarray(-4));
  });
}

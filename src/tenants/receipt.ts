/**
 * Receipts of erases, signed with the Ed25519 key of the deployment and checked by anybody who has
 * its public part.
 */

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import {
  type ReceiptBody,
  type SignedReceipt,
  type SignReceipt,
  signedReceiptSchema,
} from "../contract/receipt.ts";
import { makeFolder } from "../runtime/make-folder.ts";

/** Keys in order at every depth, no blanks: what is signed has one form. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`);
  return `{${entries.join(",")}}`;
}

/**
 * The key of a file, which is made with a new one, readable by its owner alone, when it is not
 * there. @throws Error with one line that names the file
 */
export function openReceiptKey(file: string): KeyObject {
  try {
    return openKey(file);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new Error(`FRESHET_RECEIPT_KEY_FILE: ${why}`, { cause: thrown });
  }
}

function openKey(file: string): KeyObject {
  makeFolder(dirname(file));
  const { privateKey } = generateKeyPairSync("ed25519");
  try {
    const pem = privateKey.export({ type: "pkcs8", format: "pem" });
    // Exclusive: of two processes that begin at once, one makes the key and the other reads it.
    writeFileSync(file, pem, { mode: 0o600, flag: "wx" });
  } catch (thrown) {
    if (!isThere(thrown)) throw thrown;
  }
  return readKey(file);
}

function isThere(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "EEXIST";
}

function readKey(file: string): KeyObject {
  const held = readFileSync(file);
  const key = privateKeyOf(held);
  if (key?.asymmetricKeyType === "ed25519") return key;
  throw new Error(`${file} holds no Ed25519 key: openssl genpkey -algorithm ed25519 makes one`);
}

/** Undefined where it is none: OpenSSL's own message says nothing of what was looked at. */
function privateKeyOf(held: Buffer): KeyObject | undefined {
  try {
    return createPrivateKey(held);
  } catch {
    return undefined;
  }
}

export function receiptSigner(key: KeyObject): SignReceipt {
  return (receipt: ReceiptBody): SignedReceipt => {
    const bytes = Buffer.from(canonicalJson(receipt), "utf8");
    return {
      receipt,
      sha256: createHash("sha256").update(bytes).digest("hex"),
      signature: sign(null, bytes, key).toString("base64url"),
      public_key: publicPart(key),
    };
  };
}

/** Raw, base64url: what is published, and compared. */
export function publicPart(key: KeyObject): string {
  return createPublicKey(key).export({ format: "jwk" }).x ?? "";
}

export type ReceiptVerdict =
  | { readonly kind: "valid"; readonly signed: SignedReceipt }
  | { readonly kind: "invalid"; readonly why: string };

/** @param key the public key that has to have signed it; without one any key may have */
export function verifyReceipt(value: unknown, key?: string): ReceiptVerdict {
  const parsed = signedReceiptSchema.safeParse(value);
  if (!parsed.success) return { kind: "invalid", why: "this is no receipt of an erase" };
  const signed = parsed.data;
  if (key !== undefined && key !== signed.public_key) {
    return { kind: "invalid", why: `it was signed by another key: ${signed.public_key}` };
  }
  const bytes = Buffer.from(canonicalJson(signed.receipt), "utf8");
  if (createHash("sha256").update(bytes).digest("hex") !== signed.sha256) {
    return { kind: "invalid", why: "it was changed: its digest is another" };
  }
  if (!isSignedBy(signed.public_key, bytes, signed.signature)) {
    return { kind: "invalid", why: "its signature is not that of its key" };
  }
  return { kind: "valid", signed };
}

function isSignedBy(x: string, bytes: Uint8Array, signature: string): boolean {
  try {
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    return verify(null, bytes, key, Buffer.from(signature, "base64url"));
  } catch {
    return false;
  }
}

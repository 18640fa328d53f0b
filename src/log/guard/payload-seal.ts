/**
 * How payloads and the keys of tenants are sealed: AES-256-GCM, nonce before and tag behind.
 *
 *   PS1  what was sealed for a tenant and a message id opens under no other: both are part of what
 *        the tag covers, and so are format and key;
 *   PS2  a repetition under the same message id and key is the same bytes, so that DOCS' readers
 *        know it without a key. Its nonce is a MAC of all that is sealed; without a message id the
 *        nonce is random, and equal documents look different.
 */

import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";

const algorithm = "aes-256-gcm";
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const format = "1";
const idHexChars = 16;

/** What a sealed payload is longer than the plain one. */
export const sealOverheadBytes = nonceBytes + tagBytes;

/** A key of a tenant, ready for use. */
export interface PayloadKey {
  readonly id: string;
  readonly secret: Uint8Array;
}

export interface SealedUnder {
  readonly tenant: string;
  readonly messageId?: string | undefined;
}

/** A key of the installation, from a secret of a file. */
function installationKey(secret: string): PayloadKey {
  const derived = Buffer.from(hkdfSync("sha256", secret, "", "freshet/payload-kek/1", keyBytes));
  return { id: idOf(derived), secret: derived };
}

/** Of the setting FRESHET_PAYLOAD_KEY, in its order: the first one wraps. */
export function installationKeys(secrets: string | undefined): readonly PayloadKey[] {
  return (secrets ?? "").split(/\s+/).filter(Boolean).map(installationKey);
}

export function newTenantKey(): PayloadKey {
  const secret = randomBytes(keyBytes);
  return { id: idOf(secret), secret };
}

export function wrapKey(by: PayloadKey, { id, secret }: PayloadKey, tenant: string): string {
  const [context, nonce] = [wrapContext(by, id, tenant), randomBytes(nonceBytes)];
  return encrypt(by.secret, secret, { context, nonce }).toString("base64url");
}

/** Undefined where it is not what was wrapped. */
export function unwrapKey(
  by: PayloadKey,
  { id, wrapped }: { readonly id: string; readonly wrapped: string },
  tenant: string,
): PayloadKey | undefined {
  const bytes = Buffer.from(wrapped, "base64url");
  const secret = decrypt(by.secret, bytes, wrapContext(by, id, tenant));
  return secret?.length === keyBytes ? { id, secret } : undefined;
}

export function sealPayload(
  key: PayloadKey,
  payload: Uint8Array,
  under: SealedUnder,
): { readonly payload: Uint8Array; readonly sealed: string } {
  const context = payloadContext(key.id, under);
  const nonce =
    under.messageId === undefined
      ? randomBytes(nonceBytes)
      : createHmac("sha256", key.secret)
          .update("nonce\0")
          .update(context)
          .update(payload)
          .digest()
          .subarray(0, nonceBytes);
  const encrypted = encrypt(key.secret, payload, { context, nonce });
  return { payload: encrypted, sealed: `${format} ${key.id}` };
}

/** Undefined where anything of it was changed, or it was sealed for another (PS1). */
export function openPayload(
  key: PayloadKey,
  payload: Uint8Array,
  under: SealedUnder,
): Uint8Array | undefined {
  return decrypt(key.secret, payload, payloadContext(key.id, under));
}

/** The key that a header names; undefined for a format that this release does not know. */
export function keyIdIn(sealed: string): string | undefined {
  return /^1 ([0-9a-f]{16})$/.exec(sealed)?.[1];
}

function idOf(secret: Uint8Array): string {
  return createHmac("sha256", secret).update("id").digest("hex").slice(0, idHexChars);
}

const wrapContext = (by: PayloadKey, id: string, tenant: string): Buffer =>
  Buffer.from(JSON.stringify(["freshet/payload-key", format, by.id, id, tenant]));

const payloadContext = (keyId: string, { tenant, messageId }: SealedUnder): Buffer =>
  Buffer.from(JSON.stringify(["freshet/docs", format, keyId, tenant, messageId ?? null]));

function encrypt(
  key: Uint8Array,
  plain: Uint8Array,
  { context, nonce }: { readonly context: Buffer; readonly nonce: Uint8Array },
): Buffer {
  const cipher = createCipheriv(algorithm, key, nonce);
  cipher.setAAD(context);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Uint8Array, sealed: Uint8Array, context: Buffer): Uint8Array | undefined {
  if (sealed.length < sealOverheadBytes) return undefined;
  const end = sealed.length - tagBytes;
  const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(context);
  decipher.setAuthTag(sealed.subarray(end));
  const first = decipher.update(sealed.subarray(nonceBytes, end));
  try {
    return Buffer.concat([first, decipher.final()]);
  } catch {
    return undefined;
  }
}

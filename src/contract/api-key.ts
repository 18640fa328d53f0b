/**
 * API keys, as the key store holds them: who may do what until when. The key itself is in nobody's
 * file: 256 random bits need no slow hash, and a slow one would let a stranger keep the CPU busy.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { aclLabelSchema } from "./document.ts";
import { isTenantId, type TenantId } from "./ids.ts";
import { limits } from "./limits.ts";

/** `ingest` publishes and deletes, `query` asks; `admin` does both. */
export const roles = ["ingest", "query", "admin"] as const;
export type Role = (typeof roles)[number];

/** Who sent a request, and what it may do. */
export interface Identity {
  readonly tenant: TenantId;
  readonly roles: ReadonlySet<Role>;
  /** Documents with labels are seen only if one of these is among them. Undefined: all are. */
  readonly groups?: readonly string[] | undefined;
  /**
   * Names the credential without revealing it: the id of a key of the key store, `token:` and a
   * digest, `env` for keys of the environment, `open` where none is asked for.
   */
  readonly credential: string;
}

export const everyRole: ReadonlySet<Role> = new Set(roles);

export function mayAs({ roles: own }: Pick<Identity, "roles">, role: Role): boolean {
  return own.has(role) || own.has("admin");
}

const time = z.iso.datetime({ offset: true });

const apiKeySchema = z.strictObject({
  /** Names the key in lists, logs and metrics; part of the key, and no secret. */
  id: z.string().regex(/^[0-9a-f]{12}$/),
  tenant: z.string().refine(isTenantId, "1-64 letters, digits, _ or -"),
  roles: z.array(z.enum(roles)).min(1),
  /** Absent: it sees everything of its tenant; empty: only what has no labels. */
  groups: z.array(aclLabelSchema).max(limits.accessGroupsMax).optional(),
  /** Of the whole key, in hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  created_at: time,
  expires_at: time.optional(),
  note: z.string().max(limits.apiKeyNoteCharsMax).optional(),
});
export type ApiKey = z.infer<typeof apiKeySchema>;

/** The file of `FRESHET_KEY_STORE`. */
export const keyStoreSchema = z.strictObject({
  format: z.literal(1),
  keys: z
    .array(apiKeySchema)
    .max(limits.apiKeysMax)
    .refine(
      (keys) => new Set(keys.map(({ id }) => id)).size === keys.length,
      "an id is there twice",
    ),
});
export type KeyStoreFile = z.infer<typeof keyStoreSchema>;

const prefix = "frk_";
const keyPattern = /^frk_([0-9a-f]{12})_[A-Za-z0-9_-]{43}$/;

/**
 * A new key and what the store keeps of it. The key is shown once.
 * @param randomBytes so many random bytes, such as those of `node:crypto`
 */
export function makeApiKey(
  grant: Omit<ApiKey, "id" | "sha256">,
  randomBytes: (size: number) => Buffer,
): { readonly key: string; readonly entry: ApiKey } {
  const id = randomBytes(6).toString("hex");
  const key = `${prefix}${id}_${randomBytes(32).toString("base64url")}`;
  const sha256 = digestOf(key).toString("hex");
  return { key, entry: { id, ...grant, sha256 } };
}

/** The id in a key of the store's form; undefined for any other text. */
export function apiKeyIdOf(key: string): string | undefined {
  return keyPattern.exec(key)?.[1];
}

/** Takes the same time whether it fits or not. */
export function isKeyOf(key: string, { sha256 }: Pick<ApiKey, "sha256">): boolean {
  return timingSafeEqual(digestOf(key), Buffer.from(sha256, "hex"));
}

export function hasKeyExpired({ expires_at }: Pick<ApiKey, "expires_at">, nowMs: number): boolean {
  return expires_at !== undefined && Date.parse(expires_at) <= nowMs;
}

export function digestOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}

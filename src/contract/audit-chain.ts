/**
 * Blocks of the audit trail: entries, chained by hash. A block's bytes are its hash in hex, a line
 * break, and JSON that holds the hash of the block before it; the hash is over the JSON as it
 * stands. Under a key it is an HMAC: then whoever can write to the stream cannot make one.
 */

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { auditEntrySchema } from "./audit.ts";
import type { DocumentId, TenantId } from "./ids.ts";
import { limits } from "./limits.ts";

const hash = z.string().regex(/^[0-9a-f]{64}$/);

const blockSchema = z.strictObject({
  format: z.literal(1),
  /** Whose chain: a node, or `cli`. */
  chain: z.string().min(1).max(limits.auditNameCharsMax),
  /** Which process: two of one name must not take each other's block for their own. */
  writer: z.string().max(limits.auditWriterCharsMax),
  /** From 1, without a gap. */
  number: z.int().min(1),
  /** Unix milliseconds at which it was closed. */
  at: z.int().min(0),
  /** Whether the hash is one under the key. */
  sealed: z.boolean(),
  /**
   * The block before it. Of the oldest block that is still held it is the anchor: what was removed
   * is known by hash, place and time.
   */
  previous: z.strictObject({ hash, seq: z.int().min(1), at: z.int().min(0) }).nullable(),
  entries: z.array(auditEntrySchema).min(1).max(limits.auditBlockEntriesMax),
});
export type AuditBlock = z.infer<typeof blockSchema> & { readonly hash: string };
export type AuditBlockContent = Omit<AuditBlock, "hash" | "format" | "sealed">;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const hashChars = 64;
/** What is longer was written by nobody of ours, and is not parsed. */
const blockBytesMax = limits.auditBlockEntriesMax * limits.auditEntryBytesMax;

/** The bytes of a block and its hash. */
export function sealBlock(
  content: AuditBlockContent,
  key: string | undefined,
): { readonly data: Uint8Array; readonly block: AuditBlock } {
  const body = { format: 1 as const, ...content, sealed: key !== undefined };
  const json = encoder.encode(JSON.stringify(body));
  const own = hashOf(json, key);
  const data = new Uint8Array(hashChars + 1 + json.length);
  data.set(encoder.encode(`${own}\n`));
  data.set(json, hashChars + 1);
  return { data, block: { ...body, hash: own } };
}

export type OpenedBlock =
  /** `unproved`: it is sealed, and no key is there to check it. */
  | { readonly kind: "block"; readonly block: AuditBlock; readonly isProved: boolean }
  /** Its hash is not that of its content under this key. */
  | { readonly kind: "edited" }
  /** No block of an audit trail. */
  | { readonly kind: "foreign" };

/** Never throws: what lies in the stream may be anything. */
export function openBlock(data: Uint8Array, key: string | undefined): OpenedBlock {
  if (data.byteLength > blockBytesMax) return { kind: "foreign" };
  try {
    const head = decoder.decode(data.subarray(0, hashChars + 1));
    const json = data.subarray(hashChars + 1);
    if (!/^[0-9a-f]{64}\n$/.test(head)) return { kind: "foreign" };
    const own = head.slice(0, hashChars);
    const parsed = blockSchema.safeParse(JSON.parse(decoder.decode(json)));
    if (!parsed.success) return { kind: "foreign" };
    const block = { ...parsed.data, hash: own };
    if (block.sealed && key === undefined) return { kind: "block", block, isProved: false };
    const expected = Buffer.from(hashOf(json, block.sealed ? key : undefined));
    if (!timingSafeEqual(expected, Buffer.from(own))) return { kind: "edited" };
    return { kind: "block", block, isProved: true };
  } catch {
    return { kind: "foreign" };
  }
}

function hashOf(json: Uint8Array, key: string | undefined): string {
  const digest = key === undefined ? createHash("sha256") : createHmac("sha256", key);
  return digest.update(json).digest("hex");
}

/** Names a document to those who have the key and know its id, and to nobody else. */
export function documentDigest(key: string, tenant: TenantId, id: DocumentId): string {
  return createHmac("sha256", key).update(`document\n${tenant}\n${id}`).digest("hex").slice(0, 16);
}

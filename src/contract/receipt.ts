/** The receipt of an erase: what was there, that nothing is left, and who says so. */

import { z } from "zod";
import { isTenantId } from "./ids.ts";

const count = z.int().min(0);

/** Messages of the log's stores, and objects of cold. */
const countsShape = {
  operations: count,
  records: count,
  manifests: count,
  heads: count,
  letters: count,
  /** Definitions and dead letters of sources; absent in receipts of an earlier release. */
  sources: count.optional(),
  /** Definitions, positions and failures of webhooks; absent in receipts of an earlier release. */
  webhooks: count.optional(),
  /** Absent in receipts from before there was any. */
  feedback: count.optional(),
  /** Keys of the tenant, which are destroyed; of what is left, records. Absent where none are. */
  keys: count.optional(),
  /** Objects of the document; of a whole tenant 1 for its shard, which goes as a whole. */
  cold: count,
};
export type ErasureCounts = Readonly<z.output<z.ZodObject<typeof countsShape>>>;

/**
 * Fields that a later release adds are kept: its receipts lie in records, and the digest is of all
 * of the receipt.
 */
export const countsSchema: z.ZodType<ErasureCounts> = z.looseObject(countsShape);

const belowSchema: z.ZodType<{ readonly docs: number; readonly chunks: number }> = z.looseObject({
  docs: count,
  chunks: count,
});

const bodyShape = {
  format: z.literal(1),
  kind: z.enum(["tenant", "document"]),
  tenant: z.string().refine(isTenantId),
  /** SHA-256 of the document's id, hexadecimal; the id itself is not kept. */
  document_sha256: z.string().optional(),
  /** Of an erase of several documents, one for each. */
  documents_sha256: z.array(z.string()).optional(),
  deployment: z.string(),
  /** ISO 8601, by the clock of the worker. */
  begun_at: z.string(),
  ended_at: z.string(),
  /** What was there when the erase began. */
  found: countsSchema,
  /** What a second look found in the end; an erase ends only when all of it is 0. */
  left: countsSchema,
  /** Nothing of it is left below these sequences of the two streams. */
  below: belowSchema,
  /** What an erase does not reach. */
  not_covered: z.array(z.string()),
};
export type ReceiptBody = Readonly<z.output<z.ZodObject<typeof bodyShape>>>;
const bodySchema: z.ZodType<ReceiptBody> = z.looseObject(bodyShape);

const signedShape = {
  receipt: bodySchema,
  /** SHA-256 of the receipt in canonical JSON, hexadecimal. */
  sha256: z.string(),
  /** Ed25519 over the canonical JSON, base64url. */
  signature: z.string(),
  /** Public key, raw 32 bytes, base64url. */
  public_key: z.string(),
};
export type SignedReceipt = Readonly<z.output<z.ZodObject<typeof signedShape>>>;

/** As somebody shows it: nothing beside what is signed. */
export const signedReceiptSchema: z.ZodType<SignedReceipt> = z.strictObject(signedShape);
/** As it lies in the record of its tenant, which is erased whatever a later release adds to it. */
export const storedReceiptSchema: z.ZodType<SignedReceipt> = z.looseObject(signedShape);

/** Signs with the key of the deployment. */
export type SignReceipt = (body: ReceiptBody) => SignedReceipt;

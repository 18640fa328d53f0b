/** Requests and replies of the operators' routes; the compiler ties replies to the contract. */

import { z } from "zod";
import { idSchema } from "../../contract/document.ts";
import { limits } from "../../contract/limits.ts";
import {
  type EraseBegun,
  type LetterPage,
  mergeActions,
  type ReplayResult,
} from "../../contract/operations.ts";
import { sourceSchema } from "../../contract/query.ts";
import type { DocumentPassages } from "../document-text.ts";
import { errorCode } from "../schemas.ts";

export const mergeRequestSchema = z.strictObject({
  action: z
    .enum(mergeActions)
    .describe("`run` asks for a merge and does not wait for it; `preview` changes nothing"),
});

export const replayRequestSchema = z.strictObject({
  seqs: z
    .array(z.int().min(1))
    .min(1)
    .max(limits.dlqRequestMax)
    .describe("of the refused operations, as the dead letters name them"),
});

export const eraseRequestSchema = z.strictObject({
  ids: z
    .array(idSchema)
    .min(1)
    .max(limits.eraseDocumentsMax)
    .describe("the documents; one that is named twice counts once"),
});

const count = z.int().min(0);
const scrubSchema = z.looseObject({ walked: count, checked: count, repaired: count });

const progressSchema = z.looseObject({
  tenant: z.string(),
  phase: z.string().describe("idle, planning, writing, verifying, committing, …"),
  paused: z.boolean(),
  from: z.int().nullable().describe("the range in work begins after this record of CHUNKS"),
  to: z.int().nullable().describe("the last record of the range in work"),
  written: count.describe("objects written so far"),
  total: count.describe("objects that the range makes"),
  startedAtMs: z.int().nullable().describe("unix milliseconds"),
  lastMerge: z
    .looseObject({ chunks: count, documents: count.nullable(), atMs: z.int() })
    .nullable(),
  scrub: scrubSchema.nullable(),
  lastScrub: scrubSchema.nullable(),
  error: z
    .looseObject({
      code: errorCode,
      message: z.string(),
      attempt: count,
      retryAtMs: z.int(),
    })
    .nullable()
    .describe("why the merge does not continue now, and when it tries again"),
});

export const mergeStateSchema = z.object({
  progress: progressSchema.nullable().describe("null when the tenant was never merged"),
  url: z.string().optional().describe("its workflow in Temporal UI"),
  plan: z
    .looseObject({ kind: z.enum(["nothing", "merge"]) })
    .optional()
    .describe("what a merge would do now; after `preview`"),
});

export const letterPageSchema = z.object({
  letters: z.array(
    z.object({
      seq: z.int(),
      id: z.string().nullable().describe("null where the operation could not be read so far"),
      reason: errorCode,
      message: z.string(),
      at: z.string().describe("when it was refused, RFC 3339"),
    }),
  ),
  next: z.int().nullable().describe("`after` of the next page; null at the end"),
}) satisfies z.ZodType<LetterPage>;

export const replayResultsSchema = z.object({
  results: z.array(
    z.union([
      z.object({ seq: z.int(), as: z.int().describe("the new operation") }),
      z.object({ seq: z.int(), skipped: z.string().describe("why it was not published") }),
    ]),
  ),
}) satisfies z.ZodType<{ results: readonly ReplayResult[] }>;

export const eraseBegunSchema = z.object({
  erase: z.int().describe("the sequence of its first delete, which names it"),
  documents: z.int().describe("how many it is of"),
}) satisfies z.ZodType<EraseBegun>;

/** A later release may say more in a receipt, and has to be verified all the same. */
const receiptSchema = z.looseObject({
  receipt: z
    .looseObject({})
    .describe("what was found and removed, and what an erase does not reach"),
  sha256: z.string().describe("of the receipt in canonical JSON, hexadecimal"),
  signature: z.string().describe("Ed25519 over the canonical JSON, base64url"),
  public_key: z.string().describe("raw 32 bytes, base64url"),
});

export const eraseStateSchema = z.object({
  state: z
    .enum(["running", "ended", "failed"])
    .describe("`failed`: its documents are deleted, and to be erased again"),
  receipt: receiptSchema.optional().describe("of an erase that ended: `freshet receipt verify`"),
  reason: errorCode.optional().describe("why it failed"),
  message: z.string().optional().describe("the same in words"),
});

export const documentTextSchema = z.object({
  passages: z.array(sourceSchema).describe("of one version, in the order of the document"),
  complete: z.boolean().describe("false where it has more passages than one search shows"),
}) satisfies z.ZodType<DocumentPassages>;

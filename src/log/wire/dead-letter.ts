/** Dead letters, and the note of those that are owed, as they are stored. Pure. */

import { z } from "zod";
import { type ErrorCode, errorTable } from "../../contract/errors.ts";
import { type DocumentId, isDocumentId, type Position } from "../../contract/ids.ts";
import type { DeadLetter } from "../dead-letter-port.ts";
import { decodeJson, encodeJson, positionSchema, versionSchema } from "./json.ts";

const deadLetterSchema = z.object({
  tenant: z.string(),
  version: versionSchema,
  documentId: z.custom<DocumentId>((id) => typeof id === "string" && isDocumentId(id)).nullable(),
  reason: z.custom<ErrorCode>(
    (code) => typeof code === "string" && Object.hasOwn(errorTable, code),
  ),
  message: z.string(),
  atMs: z.number(),
  position: positionSchema.optional(),
});

const owedSchema = z.object({ after: positionSchema.nullable() });

export function encodeDeadLetter(letter: DeadLetter): Uint8Array {
  const { tenant, version, documentId, reason, message, atMs, position } = letter;
  return encodeJson({ tenant, version, documentId, reason, message, atMs, position });
}

/** Undefined for a foreign message. */
export function decodeDeadLetter(data: Uint8Array): DeadLetter | undefined {
  return decodeJson(deadLetterSchema, data);
}

export function encodeOwed(after: Position | null): Uint8Array {
  return encodeJson({ after });
}

/** Null when none are owed, and for a foreign message: a merge finds what is missing by itself. */
export function decodeOwed(data: Uint8Array): Position | null {
  return decodeJson(owedSchema, data)?.after ?? null;
}

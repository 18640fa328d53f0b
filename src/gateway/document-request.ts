/** What holds for a document, and its text where that is asked for. */

import { z } from "zod";
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { Asker, DocumentState } from "../contract/service.ts";
import { documentStateSchema } from "../contract/service-schemas.ts";
import type { Handler } from "./handler.ts";
import { fetchDocument } from "./mcp/documents.ts";

/** One document by its id, or a page of them. */
export const documentRequestSchema = z.strictObject({
  id: z.string().optional(),
  /** True: with its passages, redacted. */
  text: z.boolean().optional(),
  /** `next` of the page before. */
  after: z.string().optional(),
  limit: z.int().min(1).max(limits.documentPageMax).optional(),
});

const textSchema = z.object({
  text: z.string(),
  /** False where the document has more passages than one search shows. */
  complete: z.boolean(),
  title: z.string(),
  version: z.int(),
  metadata: z.record(z.string(), z.unknown()),
});

export const documentSchema = z.union([
  documentStateSchema.options[0].extend({ document: textSchema.optional() }),
  documentStateSchema.options[1],
]);

export interface DocumentTextRequest {
  readonly asker: Asker;
  readonly id: string;
  readonly text: boolean;
  readonly signal: AbortSignal;
}

/** @throws FreshetError */
export async function documentOf(
  handler: Handler,
  { asker, id, text, signal }: DocumentTextRequest,
): Promise<DocumentState & { readonly document?: z.infer<typeof textSchema> }> {
  const state = await handler.document(asker, id);
  if (!text || state.status === "absent") return state;
  try {
    const found = await fetchDocument({ handler, asker, id, signal });
    const { title, version, complete, metadata } = found;
    return { ...state, document: { text: found.text, complete, title, version, metadata } };
  } catch (thrown) {
    // It was deleted between the two looks.
    if (!(thrown instanceof FreshetError) || thrown.code !== "not_found") throw thrown;
    return handler.document(asker, id);
  }
}

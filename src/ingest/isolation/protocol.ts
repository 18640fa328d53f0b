/** What an engine and its isolated process say to each other, as structured clones. */

import { z } from "zod";
import type { ErrorBody } from "../../contract/errors.ts";
import type { DocumentId } from "../../contract/ids.ts";
import type { Outcome } from "../../contract/outcome.ts";

export interface IsolatedRequest {
  readonly payload: Uint8Array;
  readonly documentTextBytesMax: number;
}

export type IsolatedReply =
  /** It has embedded a sentence: what happens from here on is the document's doing. */
  | { readonly kind: "ready" }
  | { readonly kind: "named"; readonly documentId: DocumentId }
  /** A part of the document's chunks is embedded. */
  | { readonly kind: "progress" }
  | { readonly kind: "outcome"; readonly outcome: Outcome }
  | { readonly kind: "failed"; readonly error: ErrorBody };

const requestSchema = z.object({
  payload: z.instanceof(Uint8Array),
  documentTextBytesMax: z.number(),
});

/** Undefined for what is no request. */
export function requestOf(message: unknown): IsolatedRequest | undefined {
  return requestSchema.safeParse(message).data;
}

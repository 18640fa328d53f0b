/** What an engine and its isolated process say to each other, as structured clones. */

import { z } from "zod";
import {
  type ErrorBody,
  errorBody,
  errorFromBody,
  FreshetError,
  toFreshetError,
} from "../../contract/errors.ts";
import type { DocumentId } from "../../contract/ids.ts";
import type { Outcome } from "../../contract/outcome.ts";
import { EmbedFailure, type EmbedFailureReason, reasonOf } from "../../embedding/failures.ts";

export interface IsolatedRequest {
  readonly payload: Uint8Array;
  readonly documentTextBytesMax: number;
  /** The tenant's. */
  readonly redactionKey: Uint8Array;
}

export type IsolatedReply =
  /** It has embedded a sentence: what happens from here on is the document's doing. */
  | { readonly kind: "ready" }
  | { readonly kind: "named"; readonly documentId: DocumentId }
  /** A part of the document's chunks is embedded. */
  | { readonly kind: "progress" }
  | { readonly kind: "outcome"; readonly outcome: Outcome }
  | FailedReply;

interface FailedReply {
  readonly kind: "failed";
  readonly error: ErrorBody;
  /** Of a failed embedding whose code does not say all. */
  readonly reason?: EmbedFailureReason | undefined;
}

export function failedReply(thrown: unknown): FailedReply {
  return { kind: "failed", error: errorBody(toFreshetError(thrown)), reason: reasonOf(thrown) };
}

/** The inverse of `failedReply`, in the other process. */
export function errorOfReply({ error, reason }: FailedReply): FreshetError {
  if (reason !== undefined) return new EmbedFailure(reason, error.error.message);
  return errorFromBody(error) ?? new FreshetError("internal");
}

const requestSchema = z.object({
  payload: z.instanceof(Uint8Array),
  documentTextBytesMax: z.number(),
  redactionKey: z.instanceof(Uint8Array),
});

/** Undefined for what is no request. */
export function requestOf(message: unknown): IsolatedRequest | undefined {
  return requestSchema.safeParse(message).data;
}

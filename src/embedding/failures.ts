/**
 * Failures of an embedder that may be a text's doing, and how to tell. By themselves they cost a
 * document nothing. Why it failed is for this process and the one that it isolates documents in: it
 * is no part of the error's wire form, so no client sees it.
 */

import { FreshetError } from "../contract/errors.ts";

export type EmbedFailureReason =
  /** The text was in a worker's hands when that died or hung: it may be why. */
  | { readonly kind: "lost" }
  /** The endpoint is there, and failed or did not answer without a reason; its status, if any. */
  | { readonly kind: "unexplained"; readonly status: number | undefined }
  /** The text failed again and again where a control text passed. */
  | { readonly kind: "fails alone" };

const codes = {
  lost: "embedding_failed",
  unexplained: "embedding_unavailable",
  "fails alone": "embedding_failed",
} as const;

export class EmbedFailure extends FreshetError {
  readonly reason: EmbedFailureReason;

  constructor(reason: EmbedFailureReason, message: string, cause?: unknown) {
    super(codes[reason.kind], message, { cause });
    this.reason = reason;
  }
}

/** For texts that were in a worker's hands when it died or hung: one of them may be the reason. */
export function lostError(message: string, cause?: unknown): EmbedFailure {
  return new EmbedFailure({ kind: "lost" }, message, cause);
}

/** Such a text is never tried again in the same process: it is embedded in isolation. */
export function isLost(thrown: unknown): boolean {
  return reasonOf(thrown)?.kind === "lost";
}

/**
 * For an endpoint that is there, and failed or gave no answer for a reason that it does not tell.
 * @param status of its reply, if there was one
 */
export function unexplainedError(message: string, status: number | undefined): EmbedFailure {
  return new EmbedFailure({ kind: "unexplained", status }, message);
}

/**
 * The texts are asked for one by one; one that fails whenever a control text passes is refused by
 * the embedder.
 */
export function isUnexplained(thrown: unknown): boolean {
  return reasonOf(thrown)?.kind === "unexplained";
}

/** After enough controls that passed where the text failed. */
export function failsAlone(cause: FreshetError): EmbedFailure {
  return new EmbedFailure(
    { kind: "fails alone" },
    "the embedder fails this text, and no other",
    cause,
  );
}

/** For a text that was refused where a control text was, too: it waits. */
export function failsAll(cause: FreshetError): FreshetError {
  const message = `the embedder fails a plain sentence, too: ${cause.message}`;
  return new FreshetError("embedding_unavailable", message, { cause });
}

/** Undefined for an error whose code says all there is. */
export function reasonOf(thrown: unknown): EmbedFailureReason | undefined {
  return thrown instanceof EmbedFailure ? thrown.reason : undefined;
}

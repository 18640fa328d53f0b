/** Failures of an embedder that may be a text's doing, and how to tell: they cost a document nothing by themselves. */

import { FreshetError } from "../contract/errors.ts";

/** For texts that were in a worker's hands when it died or hung: one of them may be the reason. */
export function lostError(message: string, cause?: unknown): FreshetError {
  return new FreshetError("embedding_failed", message, { details: { lost: true }, cause });
}

/** Never to be tried again in the same process: whoever has such a text takes it into isolation. */
export function isLost(thrown: unknown): boolean {
  return isMarked(thrown, "embedding_failed", "lost");
}

/**
 * For an endpoint that is there, and failed or gave no answer for a reason that it does not tell.
 * @param status of its reply, if there was one
 */
export function unexplainedError(message: string, status: number | undefined): FreshetError {
  const details = { unexplained: true, ...(status === undefined ? {} : { status }) };
  return new FreshetError("embedding_unavailable", message, { details });
}

/** The texts are asked for one by one; one that fails whenever a control text passes is refused by the embedder. */
export function isUnexplained(thrown: unknown): boolean {
  return isMarked(thrown, "embedding_unavailable", "unexplained");
}

/** After enough controls that passed where the text failed. */
export function failsAlone(cause: FreshetError): FreshetError {
  const message = "the embedder fails this text, and no other";
  return new FreshetError("embedding_failed", message, { cause });
}

function isMarked(thrown: unknown, code: FreshetError["code"], mark: string): boolean {
  return thrown instanceof FreshetError && thrown.code === code && thrown.details?.[mark] === true;
}

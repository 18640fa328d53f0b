/**
 * What can go wrong with a request to an embedding endpoint, and what follows from it. Pure.
 *
 * Only a reply that is about the texts themselves is `embedding_failed`, because that can cost a
 * document. A wrong setting or a strange server is `embedding_unavailable`: documents wait until it
 * is put right. A failure without a reason may be either (`failures.ts`): the embedder actor finds
 * out.
 */

import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import { retryAfterMsOf } from "../contract/retry-after.ts";
import { backoffMs } from "../runtime/backoff.ts";
import { unexplainedError } from "./failures.ts";

export type Failure =
  /** The texts are not acceptable. */
  | { readonly kind: "refused"; readonly status: number }
  /** A vector is not a direction: not finite, or zero. */
  | { readonly kind: "broken" }
  /** A person has to change something; `what` says which setting. */
  | { readonly kind: "misconfigured"; readonly what: string }
  | { readonly kind: "busy"; readonly retryAfterMs: number | undefined }
  | { readonly kind: "down"; readonly reason: string; readonly retryAfterMs: number | undefined }
  /** No answer in time, or one that asking again would not change; `status` when there was one. */
  | {
      readonly kind: "unanswered";
      readonly reason: string;
      readonly status?: number | undefined;
    };

/** @param retryAfter the header of that name: seconds, or a date */
export function failureOfStatus(
  status: number,
  retryAfter: string | undefined,
  nowMs: number,
): Failure {
  switch (status) {
    case 400:
    case 413:
    case 422:
      return { kind: "refused", status };
    case 401:
    case 403:
      return misconfigured(`refuses access (${status}): check FRESHET_EMBED_API_KEY`);
    case 404:
      return misconfigured(
        "knows no such route or model (404): check FRESHET_EMBED_URL and FRESHET_EMBED_MODEL",
      );
    case 429:
      return { kind: "busy", retryAfterMs: retryAfterMsOf(retryAfter, nowMs) };
    case 502:
    case 503:
    case 504:
      return {
        kind: "down",
        reason: String(status),
        retryAfterMs: retryAfterMsOf(retryAfter, nowMs),
      };
    default:
      if (status >= 300 && status < 400) {
        return misconfigured(
          `redirects (${status}), which is not followed: set FRESHET_EMBED_URL to the place itself`,
        );
      }
      return { kind: "unanswered", reason: `status ${status}`, status };
  }
}

/** A reply with status 200 that does not hold what was asked for. */
export function misconfigured(what: string): Failure {
  return { kind: "misconfigured", what };
}

/**
 * Pause before the next attempt in milliseconds; undefined gives up.
 * @param failures how many there were before this one
 * @param random from 0 to 1, so that many engines do not come back at the same moment
 */
export function retryPauseMs(
  failure: Failure,
  failures: number,
  random: number,
): number | undefined {
  if (failure.kind !== "busy" && failure.kind !== "down") return undefined;
  if (failures + 1 >= limits.embedRemoteAttemptsMax) return undefined;
  const { retryAfterMs = 0 } = failure;
  if (retryAfterMs > limits.embedRemoteRetryAfterMaxMs) return undefined;
  const bounds = {
    backoffMinMs: limits.embedRemoteRetryMinMs,
    backoffMaxMs: limits.embedRemoteRetryMaxMs,
  };
  const ownMs = backoffMs(bounds, failures) * (0.5 + random / 2);
  return Math.max(ownMs, retryAfterMs);
}

export function errorOf(failure: Failure): FreshetError {
  switch (failure.kind) {
    case "refused":
      return new FreshetError("embedding_failed", "the embedding endpoint refuses the batch", {
        details: { status: failure.status },
      });
    case "broken":
      return new FreshetError(
        "embedding_failed",
        "the embedding endpoint made a vector that is not finite, or zero",
      );
    case "misconfigured":
      return unavailable(failure.what);
    case "busy":
      return new FreshetError("overloaded", "the embedding endpoint is overloaded (429)");
    case "down":
      return unavailable(`does not answer (${failure.reason})`);
    case "unanswered":
      return unexplainedError(
        `the embedding endpoint does not answer (${failure.reason})`,
        failure.status,
      );
  }
}

/** What it says of the server, for the log. */
export function reasonOf(failure: Failure): string {
  switch (failure.kind) {
    case "refused":
      return `refuses a plain sentence (${failure.status})`;
    case "broken":
      return "makes a vector that is not finite, or zero";
    case "misconfigured":
      return failure.what;
    case "busy":
      return "is overloaded (429)";
    case "down":
    case "unanswered":
      return `does not answer (${failure.reason})`;
  }
}

function unavailable(what: string): FreshetError {
  return new FreshetError("embedding_unavailable", `the embedding endpoint ${what}`);
}

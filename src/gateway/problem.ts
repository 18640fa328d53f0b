/**
 * Errors as HTTP tells them: problem details (RFC 9457) with the stable code of the error table.
 */

import { type ErrorCode, type ErrorDetails, errorTable, FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";

export interface Problem {
  readonly type: string;
  /** What the code means, in one line. */
  readonly title: string;
  readonly status: number;
  /** What happened this time. */
  readonly detail: string;
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly details?: ErrorDetails | undefined;
}

export const problemType = "application/problem+json";

export function problemOf(error: FreshetError): Problem {
  const { code, message, status, retryable, details } = error;
  return {
    type: `urn:freshet:error:${code}`,
    title: errorTable[code].summary,
    status,
    detail: message,
    code,
    retryable,
    ...(details === undefined ? {} : { details }),
  };
}

/** What tells a client what to do next, in whatever form the error itself is told. */
export function errorHeaders(error: FreshetError): Readonly<Record<string, string>> {
  const seconds = retryAfterSeconds(error);
  return {
    ...(seconds === undefined ? {} : { "retry-after": String(seconds) }),
    ...(error.code === "unauthorized" ? { "www-authenticate": "Bearer" } : {}),
  };
}

/** Whole seconds for `Retry-After`, or undefined when waiting would not help. */
function retryAfterSeconds(error: FreshetError): number | undefined {
  if (error.status !== 429 && error.status !== 503) return undefined;
  if (!error.retryable) return undefined;
  const told = error.code === "quota_exceeded" ? error.details?.["retry_after_ms"] : undefined;
  const ms = typeof told === "number" ? told : limits.retryAfterMs;
  return Math.max(1, Math.ceil(ms / 1000));
}

/** What the HTTP framework throws before a handler runs, in our words. */
export function fromFramework(thrown: unknown): unknown {
  if (thrown instanceof FreshetError || !(thrown instanceof Error)) return thrown;
  const status = "statusCode" in thrown ? thrown.statusCode : undefined;
  if ("code" in thrown && thrown.code === "FST_ERR_BAD_URL") {
    return new FreshetError("invalid_request", "the path is no UTF-8 in percent-encoding");
  }
  switch (status) {
    case 400:
      return new FreshetError("invalid_request", "the request is malformed");
    case 404:
      return new FreshetError("not_found");
    case 413:
      return new FreshetError("document_too_large", "the body is above the size limit");
    case 414:
      return new FreshetError("invalid_request", "the path is too long");
    case 415:
      return new FreshetError("unsupported_media_type");
    default:
      return thrown;
  }
}

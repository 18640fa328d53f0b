/** Errors of NATS as sources meet them: what passes, and what does not. */

import { NatsError } from "nats";
import { FreshetError } from "../contract/errors.ts";

export const jetStream = {
  streamNotFound: 10059,
  consumerNotFound: 10014,
  messageNotFound: 10037,
  sequenceNotFound: 10043,
  removalFailed: 10057,
  /** A consumer's filter that matches nothing which the stream can hold. */
  noSuchSubject: 10093,
  wrongLastSequence: 10071,
} as const;

/** A stream that is full, or a server without room for another one. */
const full = new Set([10077, 10047, 10023, 10028, 10002]);

export function apiCode(thrown: unknown): number | undefined {
  return thrown instanceof NatsError ? thrown.api_error?.err_code : undefined;
}

/**
 * What was to be removed or read is there no more: a newer one took its place, or another attempt
 * was faster. A stream in files says it by the code of any removal that failed.
 */
export function isMessageGone(thrown: unknown): boolean {
  const code = apiCode(thrown);
  if (code === jetStream.messageNotFound || code === jetStream.sequenceNotFound) return true;
  if (code !== jetStream.removalFailed) return false;
  return /no message found|stream store EOF/i.test((thrown as NatsError).message);
}

export function sourceError(thrown: unknown): FreshetError {
  if (thrown instanceof FreshetError) return thrown;
  const code = apiCode(thrown);
  const cause = thrown;
  if (code !== undefined && full.has(code)) {
    return new FreshetError("overloaded", "nats has no room for what sources keep", { cause });
  }
  if (code === undefined && thrown instanceof NatsError) {
    return new FreshetError("log_unavailable", undefined, { cause });
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const passes = code !== undefined && (thrown as NatsError).api_error?.code !== 400;
  return new FreshetError(passes ? "log_unavailable" : "internal", message, { cause });
}

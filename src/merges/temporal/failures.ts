/**
 * FreshetError to Temporal's failures and back. Nothing but codes, fixed messages and counts
 * crosses (I10).
 */

import { ApplicationFailure } from "@temporalio/common";
import { type ErrorCode, errorTable, FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";

/**
 * What an activity throws, as Temporal sees it: the type is the code. Not retryable inside Temporal
 * are broken invariants, and a broken chain: only a new plan helps, which is the workflow's to
 * make. The text of an unknown error stays here: a vendor's message may quote what it was given.
 */
export function toApplicationFailure(thrown: unknown): ApplicationFailure {
  if (!(thrown instanceof FreshetError)) {
    const name = thrown instanceof Error ? thrown.name : typeof thrown;
    return ApplicationFailure.nonRetryable(`unexpected ${name}`, "internal");
  }
  const { code, message, retryable } = thrown;
  return ApplicationFailure.create({
    message,
    type: code,
    nonRetryable: !retryable || code === "broken_chain",
    // It is no failure of a store, which would need ever longer pauses.
    ...(code === "not_ready" ? { nextRetryDelay: limits.eraseLookEveryMs } : {}),
  });
}

/**
 * The FreshetError that a failure carries, wherever in its chain of causes; undefined when none
 * does.
 */
export function fromFailure(thrown: unknown): FreshetError | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (!(error instanceof ApplicationFailure)) continue;
    const code = error.type ?? "";
    if (Object.hasOwn(errorTable, code)) {
      return new FreshetError(code as ErrorCode, error.message, { cause: thrown });
    }
  }
  return undefined;
}

/** What went wrong with a request to Temporal, as far as its client says. */

import {
  isGrpcDeadlineError,
  isGrpcServiceError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from "@temporalio/client";
import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";

/** gRPC status codes of an update whose run ended or moved on before it was handled. */
const racedCodes = new Set([5 /* NOT_FOUND */, 10 /* ABORTED */]);

/** The run completed or continued as new under the update: asking again reaches the next one. */
export function wasRaced(thrown: unknown): boolean {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (isGrpcServiceError(error) && racedCodes.has(error.code)) return true;
    if ("type" in error && error.type === "AcceptedUpdateCompletedWorkflow") return true;
  }
  return false;
}

/**
 * A long wait that ran out means a slow merge; a short one means that Temporal or its workers are
 * away.
 */
export function transportError(thrown: unknown, timeoutMs: number): FreshetError {
  const late =
    thrown instanceof WorkflowUpdateRPCTimeoutOrCancelledError || isGrpcDeadlineError(thrown);
  const code =
    late && timeoutMs >= limits.mergeForceMs ? "deadline_exceeded" : "temporal_unavailable";
  return new FreshetError(code, undefined, { cause: thrown });
}

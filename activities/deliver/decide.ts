/** Pure: what a delivery or a failure makes of an endpoint's state. */

import type { EndpointReply, EndpointState } from "../../src/contract/endpoint.ts";
import { endpointRetryWaitsMs } from "../../src/contract/limits/endpoints.ts";
import { limits } from "../../src/contract/limits.ts";

export function afterDelivery(
  { trouble: _, ...state }: EndpointState,
  seq: number,
  atMs: number,
): EndpointState {
  return { ...state, after: seq, delivered: state.delivered + 1, deliveredAtMs: atMs };
}

/** `waitMs` is undefined when it was the last attempt. */
export interface AfterFailure {
  readonly state: EndpointState;
  readonly attempts: number;
  readonly waitMs: number | undefined;
}

export function afterFailure(
  state: EndpointState,
  failure: {
    readonly seq: number;
    readonly reply: Extract<EndpointReply, { kind: "failed" }>;
    readonly atMs: number;
    /** From 0 to 1. */
    readonly random: number;
  },
): AfterFailure {
  const { seq, reply, atMs, random } = failure;
  const before = state.trouble?.seq === seq ? state.trouble : undefined;
  const attempts = (before?.attempts ?? 0) + 1;
  const waitMs = waitAfter(attempts, reply.retryAfterMs, random);
  const trouble = {
    ...{ seq, attempts, sinceMs: before?.sinceMs ?? atMs },
    ...{ nextAtMs: atMs + (waitMs ?? 0), reason: reply.reason },
  };
  return { state: { ...state, failed: state.failed + 1, trouble }, attempts, waitMs };
}

/**
 * How long an event still waits for its next attempt. When that is was set by the clock of another
 * worker, perhaps one that ran ahead: nobody waits longer than the attempt before it had to.
 */
export function waitLeft({ trouble }: EndpointState, nowMs: number): number {
  if (trouble === undefined) return 0;
  const { attempts, nextAtMs } = trouble;
  const waitMs = waitAfter(attempts, limits.endpointRetryAfterMaxMs, 1) ?? 0;
  return Math.max(0, Math.min(nextAtMs - nowMs, waitMs));
}

/** A receiver that asks for time gets it, within bounds; one that asks for less waits as others. */
function waitAfter(
  attempts: number,
  retryAfterMs: number | undefined,
  random: number,
): number | undefined {
  const waitMs = endpointRetryWaitsMs[attempts - 1];
  if (waitMs === undefined) return undefined;
  const spreadMs = Math.round(waitMs * (1 + limits.endpointRetryJitter * random));
  return Math.max(spreadMs, Math.min(retryAfterMs ?? 0, limits.endpointRetryAfterMaxMs));
}

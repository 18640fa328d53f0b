/**
 * How a pull ended, and what that means for the read (NP2, NP3, NP4). Pure: the server's status in,
 * a decision out.
 */

import { FreshetError } from "../../contract/errors.ts";
import { limits } from "../../contract/limits.ts";

/** The open pull. */
export interface Pull {
  readonly number: number;
  readonly sentAtMs: number;
  /** Asks for one message, whatever its size. */
  readonly alone: boolean;
  missing: number;
  received: number;
}

/**
 * `bytes`: the next message is above what the pull may still return; `not there`: no server answers
 * for the consumer.
 */
export type PullEnd = "expired" | "bytes" | "not there";

interface StatusHeaders {
  readonly code: number;
  readonly description: string;
}

/**
 * What a status message of the server ends; undefined: nothing, it is a heartbeat.
 * @throws FreshetError when it ends the consumer
 */
export function endedBy(status: StatusHeaders | undefined): PullEnd | undefined {
  const code = status?.code ?? 0;
  const description = status?.description.toLowerCase() ?? "";
  switch (code) {
    case 100:
      return undefined;
    case 404:
    case 408:
      return "expired";
    case 409:
      if (description.includes("maxbytes")) return "bytes";
      if (description.includes("batch completed")) return "expired";
      throw trouble(description);
    case 503:
      return "not there";
    default:
      throw trouble(`status ${code} ${description}`);
  }
}

/**
 * Of a bounded read: its consumer does not deliver what the leader has. On a cluster a new one may
 * not answer at first.
 */
export function fellShort(end: PullEnd, { received, alone }: Pull): boolean {
  switch (end) {
    case "not there":
      return true;
    case "expired":
      return received === 0;
    case "bytes":
      return received === 0 && alone;
  }
}

/** The next message alone is above the bytes of one pull. */
export function isTooLarge(end: PullEnd, { received, alone }: Pull): boolean {
  return end === "bytes" && received === 0 && !alone;
}

/** A pull that finds nothing waits until it expires; one that ends earlier met a fault. */
export function isHasty({ received, sentAtMs }: Pull, nowMs: number): boolean {
  return received === 0 && nowMs - sentAtMs < limits.pullHeartbeatMs;
}

export function trouble(message: string): FreshetError {
  return new FreshetError("log_unavailable", message);
}

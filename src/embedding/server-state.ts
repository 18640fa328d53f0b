/**
 * Which server of a pool gets the next texts, and what its failures and answers make of it. Pure.
 */

import { limits } from "../contract/limits.ts";
import { cosine } from "../contract/vector.ts";
import { sameModelCosineMin } from "./model-probe.ts";

export type ServerState =
  /** What it computes is known to be the pool's model. */
  | { readonly kind: "serving" }
  /** Gets no work until it was asked, from `retryAtMs` on, what it computes. */
  | {
      readonly kind: "away";
      readonly why: string;
      readonly failures: number;
      readonly retryAtMs: number;
    }
  /** It answers, and computes something else. Asked again like one that is away. */
  | {
      readonly kind: "stranger";
      readonly why: string;
      readonly failures: number;
      readonly retryAtMs: number;
    };

/** One of a pool whose model is not known yet. */
export const unknownServer: ServerState = {
  kind: "away",
  why: "was not asked yet",
  failures: 0,
  retryAtMs: Number.NEGATIVE_INFINITY,
};

export interface Candidate {
  readonly state: ServerState;
  /** Bytes of the texts that are at it, of one lane. */
  readonly outstanding: number;
  /** When it was chosen last; among equals the one that has waited longest is next. */
  readonly turn: number;
  /** Its newest reply was an error, which leaves no work, as if the server were fast. */
  readonly isDoubted: boolean;
}

/**
 * The one with the least outstanding work, of those that are not doubted if there are any;
 * undefined while none serves.
 */
export function leastLoaded<One extends Candidate>(servers: Iterable<One>): One | undefined {
  let best: One | undefined;
  for (const server of servers) {
    if (server.state.kind !== "serving") continue;
    if (best === undefined || isBefore(server, best)) best = server;
  }
  return best;
}

function isBefore(left: Candidate, right: Candidate): boolean {
  if (left.isDoubted !== right.isDoubted) return right.isDoubted;
  if (left.outstanding !== right.outstanding) return left.outstanding < right.outstanding;
  return left.turn < right.turn;
}

/** @param failed why it gets no more work, and whether it is there but computes something else */
export function afterFailure(
  state: ServerState,
  failed: { readonly why: string; readonly isStranger: boolean; readonly nowMs: number },
): ServerState {
  const { why, isStranger, nowMs } = failed;
  const failures = state.kind === "serving" ? 0 : state.failures;
  const retryAtMs = nowMs + failurePauseMs(failures);
  return { kind: isStranger ? "stranger" : "away", why, failures: failures + 1, retryAtMs };
}

/** How long a server that has failed gets no work, or only what no other takes. */
export function failurePauseMs(failuresBefore: number): number {
  const pauseMs = limits.embedPoolRetryMinMs * 2 ** Math.min(failuresBefore, 16);
  return Math.min(limits.embedPoolRetryMaxMs, pauseMs);
}

/** What a server makes of the probe, against the pool's own. Undefined: the same model. */
export function strangeness(pool: Float32Array, own: Float32Array): string | undefined {
  if (own.length !== pool.length) {
    return `makes vectors of ${own.length} dimensions instead of ${pool.length}`;
  }
  const similarity = cosine(pool, own);
  // Written so that NaN is refused too.
  if (similarity >= sameModelCosineMin) return undefined;
  return `computes another model: cosine ${similarity.toFixed(3)} on the same sentence`;
}

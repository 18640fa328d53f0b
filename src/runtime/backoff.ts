/** Pure restart policy: how long to wait, and when to give up. */

export interface RestartPolicy {
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** More failures than this within the window escalate. */
  readonly restartsMax: number;
  readonly windowMs: number;
}

export type Verdict =
  | { readonly kind: "restart"; readonly afterMs: number; readonly failuresMs: readonly number[] }
  | { readonly kind: "escalate" };

/**
 * Judges a failure at `nowMs`. `failuresMs` are the times of the earlier ones that still count; the
 * verdict carries the list for the next call. The pause doubles with each failure in the window.
 */
export function judgeFailure(
  policy: RestartPolicy,
  failuresMs: readonly number[],
  nowMs: number,
): Verdict {
  const recent = [...failuresMs.filter((at) => nowMs - at < policy.windowMs), nowMs];
  if (recent.length > policy.restartsMax) return { kind: "escalate" };
  return {
    kind: "restart",
    afterMs: backoffMs(policy, recent.length - 1),
    failuresMs: recent,
  };
}

/** Exponential back-off for the n-th repetition, from 0. */
export function backoffMs(
  bounds: { readonly backoffMinMs: number; readonly backoffMaxMs: number },
  repetition: number,
): number {
  return Math.min(bounds.backoffMaxMs, bounds.backoffMinMs * 2 ** Math.min(repetition, 30));
}

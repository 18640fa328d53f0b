/**
 * Failures of a loop that tries again without end: each reason is told when it is new, and then
 * rarely. A log that stays away all night must not fill the disk with lines that say so.
 */

import type { Clock } from "./clock.ts";

/** Often enough for who looks at the end of a log. */
export const toldAgainMs = 600_000;

export class Repeated {
  readonly #clock: Pick<Clock, "monotonicMs">;
  /** By reason, of which a program has a fixed number: codes of errors. */
  readonly #toldAtMs = new Map<string, number>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** Whether this failure is to be told now. */
  isNews(reason: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const toldMs = this.#toldAtMs.get(reason);
    if (toldMs !== undefined && nowMs - toldMs < toldAgainMs) return false;
    this.#toldAtMs.set(reason, nowMs);
    return true;
  }
}

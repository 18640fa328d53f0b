/**
 * Bounds on waiting. Every wait with a time limit is one of these two, so that no timer outlives
 * its purpose.
 */

import type { Clock } from "./clock.ts";

/** What `waitAtMost` resolves with when the time is over first. */
export const late: unique symbol = Symbol("late");

/**
 * The work's result, or `late` after `ms`. The work continues: give it a `Deadline`'s signal where
 * it can be stopped. A failure after that is ignored.
 */
export function waitAtMost<Value>(
  clock: Clock,
  ms: number,
  work: Promise<Value>,
): Promise<Value | typeof late> {
  return waitWhile((signal) => clock.sleep(ms, signal), work);
}

/** The same for any kind of sleep; it is ended once the work has settled. */
export async function waitWhile<Value>(
  sleep: (signal: AbortSignal) => Promise<void>,
  work: Promise<Value>,
): Promise<Value | typeof late> {
  const over = new AbortController();
  const timer = sleep(over.signal).then((): typeof late => late);
  try {
    return await Promise.race([work, timer]);
  } finally {
    over.abort();
    work.catch(() => {});
  }
}

/**
 * A signal that aborts `ms` after its making, or when the caller's does; `clear` ends the timer.
 * `isOver` tells the two apart.
 */
export class Deadline {
  readonly signal: AbortSignal;
  readonly #over = new AbortController();
  readonly #cleared = new AbortController();

  constructor(clock: Clock, ms: number, caller?: AbortSignal) {
    this.signal =
      caller === undefined ? this.#over.signal : AbortSignal.any([caller, this.#over.signal]);
    const until = AbortSignal.any([this.signal, this.#cleared.signal]);
    void clock.sleep(ms, until).then(() => {
      if (!until.aborted) this.#over.abort();
    });
  }

  /** Whether the time ran out, as opposed to an abort by the caller. */
  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  clear(): void {
    this.#cleared.abort();
  }
}

/**
 * Bounds on waiting. Every wait with a time limit is one of these two, so that no timer outlives
 * its purpose.
 */

import type { Clock } from "./clock.ts";

/**
 * The reason of aborts that only end a sleep, or come when all is over: nothing reads it. Without
 * one each abort makes an exception with a stack, which was a tenth of what a question cost the
 * main thread.
 */
export const settled: unique symbol = Symbol("settled");

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
    over.abort(settled);
    work.catch(() => {});
  }
}

/**
 * A signal that aborts `ms` after its making, or when a caller's does; `clear` ends the timer and
 * lets the callers go. `isOver` tells the two apart.
 *
 * Listens by itself: `AbortSignal.any` costs several times as much, and each one that is made from
 * a signal that lives long is remembered there until it is collected.
 */
export class Deadline {
  readonly #end = new AbortController();
  readonly #timer = new AbortController();
  readonly #callers: readonly AbortSignal[];
  #isOver = false;

  constructor(clock: Clock, ms: number, ...callers: readonly (AbortSignal | undefined)[]) {
    this.#callers = callers.filter((caller) => caller !== undefined);
    const gone = this.#callers.find(({ aborted }) => aborted);
    if (gone !== undefined) {
      this.#leave(gone);
      return;
    }
    for (const caller of this.#callers) caller.addEventListener("abort", this, { once: true });
    void clock.sleep(ms, this.#timer.signal).then(() => {
      if (this.#timer.signal.aborted) return;
      this.#isOver = true;
      this.clear();
      this.#end.abort();
    });
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Whether the time ran out, as opposed to an abort by the caller. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Of a caller's signal. */
  handleEvent({ target }: Event): void {
    this.#leave(target as AbortSignal);
  }

  clear(): void {
    for (const caller of this.#callers) caller.removeEventListener("abort", this);
    this.#timer.abort(settled);
  }

  /** Clears it, and aborts its signal: for what else still works until then. */
  end(reason: unknown): void {
    this.clear();
    this.#end.abort(reason);
  }

  #leave(caller: AbortSignal): void {
    this.end(caller.reason);
  }
}

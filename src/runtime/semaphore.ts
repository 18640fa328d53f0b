/**
 * A bound on how much runs at once. What comes above it waits in the order of the calls.
 *
 * Owns: the places, and who waits for one. Never: looks at what runs.
 *
 *   SE1  at most `total` run; a place goes to the one that has waited longest, without becoming
 *        free in between;
 *   SE2  every `run` settles: one that waits is answered at once when its caller goes or the
 *        semaphore closes.
 */

import { FreshetError } from "../contract/errors.ts";

interface Waiting {
  proceed(): void;
  fail(error: FreshetError): void;
}

export interface SemaphoreOptions {
  readonly total: number;
  /** Those that may wait; the next is refused. */
  readonly waitingMax: number;
}

export class Semaphore {
  readonly #total: number;
  readonly #waitingMax: number;
  readonly #waiting: Waiting[] = [];
  readonly #idle = Promise.withResolvers<void>();
  #running = 0;
  #closed: FreshetError | undefined;

  constructor({ total, waitingMax }: SemaphoreOptions) {
    this.#total = total;
    this.#waitingMax = waitingMax;
  }

  /**
   * Runs the work when its turn comes.
   * @throws FreshetError cancelled (the signal aborted before), overloaded (too many wait), what
   * `close` was given, or what the work throws
   */
  async run<Value>(work: () => Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
    await this.#acquire(signal);
    try {
      return await work();
    } finally {
      this.#release();
    }
  }

  /** What waits, or comes later, fails with the error. Resolves once nothing runs. */
  close(error: FreshetError): Promise<void> {
    this.#closed ??= error;
    for (const { fail } of this.#waiting.splice(0)) fail(error);
    if (this.#running === 0) this.#idle.resolve();
    return this.#idle.promise;
  }

  #acquire(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) throw new FreshetError("cancelled");
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#running < this.#total) {
      this.#running += 1;
      return Promise.resolve();
    }
    if (this.#waiting.length >= this.#waitingMax) throw new FreshetError("overloaded");
    return new Promise((resolve, reject) => {
      const left = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        waiting.fail(new FreshetError("cancelled"));
      };
      const waiting: Waiting = {
        proceed: () => {
          signal?.removeEventListener("abort", left);
          resolve();
        },
        fail: (error) => {
          signal?.removeEventListener("abort", left);
          reject(error);
        },
      };
      signal?.addEventListener("abort", left, { once: true });
      this.#waiting.push(waiting);
    });
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next !== undefined) return next.proceed();
    this.#running -= 1;
    if (this.#running === 0 && this.#closed !== undefined) this.#idle.resolve();
  }
}

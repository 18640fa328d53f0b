/**
 * The words of a streamed answer on their way out. Each leaves after a proof of the lease that was
 * asked for after the word was written (I6): a node that is no owner any more must not continue.
 *
 *   QP1  pieces leave in their order; those written while a proof is under way wait for the next
 *        one;
 *   QP2  proofs come at a bounded rate, the first at once;
 *   QP3  a proof that fails ends the answer: nothing more leaves, and `failed` aborts, so that the
 *        model stops writing.
 */

import { toFreshetError } from "../../src/contract/errors.ts";
import type { Clock } from "../../src/runtime/clock.ts";

export interface ProvedPiecesOptions {
  readonly prove: () => Promise<void>;
  readonly emit: (text: string) => void;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export class ProvedPieces {
  readonly #options: ProvedPiecesOptions;
  readonly #failed = new AbortController();
  readonly #ended = new AbortController();
  #waiting: string[] = [];
  #isProving = false;

  constructor(options: ProvedPiecesOptions) {
    this.#options = options;
  }

  /** Aborts, with the error as its reason, when nothing more may leave. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  say(text: string): void {
    this.#waiting.push(text);
    if (this.#isProving) return;
    this.#isProving = true;
    void this.#run().finally(() => {
      this.#isProving = false;
    });
  }

  /** Lets out what is left, for a caller that has a proof from after the last word. */
  end(): void {
    this.#ended.abort();
    this.#emit(this.#waiting.length);
  }

  async #run(): Promise<void> {
    const { prove, clock, everyMs, signal } = this.#options;
    const over = AbortSignal.any([signal, this.#ended.signal]);
    while (this.#waiting.length > 0 && !over.aborted) {
      const written = this.#waiting.length;
      try {
        await prove();
      } catch (thrown) {
        return this.#failed.abort(toFreshetError(thrown));
      }
      if (over.aborted) return;
      this.#emit(written);
      await clock.sleep(everyMs, over);
    }
  }

  #emit(count: number): void {
    for (const text of this.#waiting.splice(0, count)) this.#options.emit(text);
  }
}

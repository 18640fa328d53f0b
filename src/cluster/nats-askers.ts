/**
 * Which peers wait for an answer of this node, so that no work is done for one that has gone.
 *
 * Owns: one deadline for each asker that beats. An asker that leaves cancels; one that dies, or is
 * cut off, stops beating.
 */

import type { Clock } from "../runtime/clock.ts";
import { Deadline } from "../runtime/deadline.ts";

export interface Asker {
  /** Aborts when the asker no longer waits. */
  readonly gone: AbortSignal;
  /** From now on, silence means that it has gone. */
  expectBeats(): void;
  done(): void;
}

interface Waiting {
  readonly gone: AbortController;
  /** Runs out when the asker misses its beats; undefined for one that sends none. */
  silence: Deadline | undefined;
}

export class Askers {
  readonly #silenceMs: number;
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Waiting>();

  constructor(silenceMs: number, clock: Clock) {
    this.#silenceMs = silenceMs;
    this.#clock = clock;
  }

  take(id: string): Asker {
    const waiting: Waiting = { gone: new AbortController(), silence: undefined };
    this.#waiting.set(id, waiting);
    return {
      gone: waiting.gone.signal,
      expectBeats: () => this.#expectNext(waiting),
      done: () => {
        waiting.silence?.clear();
        if (this.#waiting.get(id) === waiting) this.#waiting.delete(id);
      },
    };
  }

  beat(id: string): void {
    const waiting = this.#waiting.get(id);
    if (waiting?.silence !== undefined) this.#expectNext(waiting);
  }

  cancel(id: string): void {
    this.#waiting.get(id)?.gone.abort();
  }

  #expectNext(waiting: Waiting): void {
    waiting.silence?.clear();
    const silence = new Deadline(this.#clock, this.#silenceMs);
    silence.signal.addEventListener("abort", () => waiting.gone.abort(), { once: true });
    waiting.silence = silence;
  }
}

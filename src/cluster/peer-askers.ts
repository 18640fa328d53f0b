/**
 * Who waits for an answer of this node, so that nothing is worked on for somebody who has gone.
 *
 * Owns: one timer for each asker that beats. An asker that goes says so; one that dies, or is cut off, stops beating.
 */

export interface Asker {
  /** Aborts when nobody waits any more. */
  readonly gone: AbortSignal;
  /** From now on silence means that it is gone. */
  expectBeats(): void;
  done(): void;
}

interface Waiting {
  readonly gone: AbortController;
  silence: NodeJS.Timeout | undefined;
}

export class Askers {
  readonly #silenceMs: number;
  readonly #waiting = new Map<string, Waiting>();

  constructor(silenceMs: number) {
    this.#silenceMs = silenceMs;
  }

  take(id: string): Asker {
    const waiting: Waiting = { gone: new AbortController(), silence: undefined };
    this.#waiting.set(id, waiting);
    return {
      gone: waiting.gone.signal,
      expectBeats: () => {
        waiting.silence = setTimeout(() => waiting.gone.abort(), this.#silenceMs);
      },
      done: () => {
        clearTimeout(waiting.silence);
        if (this.#waiting.get(id) === waiting) this.#waiting.delete(id);
      },
    };
  }

  beat(id: string): void {
    this.#waiting.get(id)?.silence?.refresh();
  }

  cancel(id: string): void {
    this.#waiting.get(id)?.gone.abort();
  }
}

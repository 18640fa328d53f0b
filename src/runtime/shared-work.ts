/**
 * One piece of work that several callers wait for. Each may leave; the work is told to end only
 * when the last of them has left.
 */

import { settled } from "./deadline.ts";
import { raceAbort } from "./race-abort.ts";

export class SharedWork<Value> {
  /** Resolves when the work is over, however it ended. */
  readonly ended: Promise<void>;
  readonly #work: Promise<Value>;
  readonly #abandoned = new AbortController();
  #callers = 0;
  #isOver = false;

  /** @param begin starts the work; its signal aborts when nobody waits any more */
  constructor(begin: (signal: AbortSignal) => Promise<Value>) {
    this.#work = begin(this.#abandoned.signal);
    // A failure is thrown where it is awaited.
    const over = (): void => {
      this.#isOver = true;
    };
    this.ended = this.#work.then(over, over);
  }

  /** It was told to end: a new caller begins another one. */
  get isAbandoned(): boolean {
    return this.#abandoned.signal.aborted;
  }

  /** @throws FreshetError cancelled when this caller's signal aborts first */
  async wait(signal: AbortSignal): Promise<Value> {
    this.#callers += 1;
    try {
      return await raceAbort(this.#work, signal);
    } finally {
      this.#callers -= 1;
      if (this.#callers === 0) this.#abandoned.abort(this.#isOver ? settled : undefined);
    }
  }
}

/** Works under way, by what they make: equal ones are done once. */
export class SharedWorks<Value> {
  readonly #underWay = new Map<string, SharedWork<Value>>();

  /** The outcome, and whether it is that of a work which another caller began. */
  async do(
    key: string,
    begin: (signal: AbortSignal) => Promise<Value>,
    signal: AbortSignal,
  ): Promise<{ readonly value: Value; readonly isShared: boolean }> {
    const known = this.#underWay.get(key);
    const isShared = known !== undefined && !known.isAbandoned;
    const work = isShared ? known : this.#begin(key, begin);
    return { value: await work.wait(signal), isShared };
  }

  #begin(key: string, begin: (signal: AbortSignal) => Promise<Value>): SharedWork<Value> {
    const work = new SharedWork(begin);
    this.#underWay.set(key, work);
    void work.ended.then(() => {
      // Where this one was abandoned, another may stand under its key by now.
      if (this.#underWay.get(key) === work) this.#underWay.delete(key);
    });
    return work;
  }
}

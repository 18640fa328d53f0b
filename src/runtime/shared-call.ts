/**
 * One call that many callers share. A caller gets the outcome of a call that begins after it asked:
 * never of one that is under way, which may have read earlier state.
 */

export class SharedCall<Value> {
  readonly #call: () => Promise<Value>;
  #running: Promise<Value> | undefined;
  #next: Promise<Value> | undefined;

  constructor(call: () => Promise<Value>) {
    this.#call = call;
  }

  /** The outcome of the next call; it begins now when none is under way. */
  next(): Promise<Value> {
    if (this.#next !== undefined) return this.#next;
    if (this.#running === undefined) return this.#begin();
    this.#next = this.#running.then(ignore, ignore).then(() => this.#begin());
    return this.#next;
  }

  #begin(): Promise<Value> {
    this.#next = undefined;
    const running = this.#call().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}

const ignore = (): void => {};

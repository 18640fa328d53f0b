/**
 * A bounded number of places: work that costs much runs so many times at once, the rest waits in the order it came.
 */

import { BoundedMailbox } from "./mailbox.ts";

export class Places {
  readonly #free: BoundedMailbox<true>;

  constructor(count: number) {
    this.#free = new BoundedMailbox(count);
    for (let place = 0; place < count; place += 1) this.#free.tryPut(true);
  }

  /** Runs the work when there is a place for it; undefined when the signal aborts before. */
  async run<Value>(work: () => Promise<Value>, signal: AbortSignal): Promise<Value | undefined> {
    if ((await this.#free.take(signal)) === undefined) return undefined;
    try {
      return await work();
    } finally {
      this.#free.tryPut(true);
    }
  }
}

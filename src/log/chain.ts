/** The chain check of a range read (L3): each record names the one before it, from the very first on. */

import { FreshetError } from "../contract/errors.ts";
import type { Position } from "../contract/ids.ts";
import type { Placed } from "../contract/record.ts";

export class ChainCheck {
  #last: Position;
  readonly #to: Position;

  constructor(range: { readonly after: Position; readonly to: Position }) {
    this.#last = range.after;
    this.#to = range.to;
  }

  /** @throws FreshetError broken_chain when `placed` does not lie directly behind what was seen last */
  accept(placed: Placed): void {
    if (placed.previous !== this.#last || placed.position > this.#to) throw this.broken();
    this.#last = placed.position;
  }

  get complete(): boolean {
    return this.#last >= this.#to;
  }

  /** Where the chain is whole up to. */
  get last(): Position {
    return this.#last;
  }

  broken(): FreshetError {
    return new FreshetError("broken_chain", undefined, {
      details: { behind: this.#last, to: this.#to },
    });
  }
}

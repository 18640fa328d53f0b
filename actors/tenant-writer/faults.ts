/**
 * Pure bookkeeping of faults that are not the document's: how often the operation at the head of a
 * tenant's queue met one. Only the head counts, because the operations after it may suffer from the
 * same cause. It outlives the actor's lives, so that a document which breaks every one of them is
 * found (T6).
 */

import type { Version } from "../../src/contract/ids.ts";

export class HeadFaults {
  readonly #attemptsMax: number;
  #head = 0 as Version;
  #attempts = 0;

  constructor(attemptsMax: number) {
    this.#attemptsMax = attemptsMax;
  }

  /** True when the operation has had all its attempts: from now on it counts as its own fault. */
  add(version: Version): boolean {
    this.#attempts = version === this.#head ? this.#attempts + 1 : 1;
    this.#head = version;
    return this.#attempts >= this.#attemptsMax;
  }
}

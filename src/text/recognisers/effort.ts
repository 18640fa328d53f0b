/**
 * What looking through a text may cost. Recognisers are linear but for the checks of phone numbers
 * against the world's numbering plans, each as dear as hundreds of characters: they are bounded by
 * the candidates for one.
 *
 *   EF1  beyond the bound nothing is checked: every candidate counts as found, and the text is
 *       looked through once more in this way, so that none is left that was only lucky to come
 *       first;
 *   EF2  a check is a function of its candidate alone and remembered, so a second look at a text
 *       costs none.
 */

import { limits } from "../../contract/limits.ts";

/**
 * What was spent so far, by any number of looks: a test bounds it for generated texts, without a
 * clock.
 */
export class Spent {
  readonly known = new Map<string, boolean>();
  /** Characters that loops have looked at; expressions go through a text once each. */
  visits = 0;

  get checks(): number {
    return this.known.size;
  }
}

export class Effort {
  readonly #candidatesMax: number;
  readonly #spent: Spent;
  #candidates = 0;

  constructor(candidatesMax: number, spent: Spent = new Spent()) {
    this.#candidatesMax = candidatesMax;
    this.#spent = spent;
  }

  /** For texts of so many characters together. */
  static of(chars: number, spent?: Spent): Effort {
    const { redactionCandidatesMin, redactionCandidatesPerKiBMax } = limits;
    const perText = Math.ceil((chars / 1_024) * redactionCandidatesPerKiBMax);
    return new Effort(redactionCandidatesMin + perText, spent);
  }

  get isExhausted(): boolean {
    return this.#candidates > this.#candidatesMax;
  }

  visit(characters: number): void {
    this.#spent.visits += characters;
  }

  /** Whether a candidate passes an expensive check, or cannot be checked any more (EF1). */
  passes(candidate: string, check: () => boolean): boolean {
    this.#candidates += 1;
    if (this.isExhausted) return true;
    const { known } = this.#spent;
    const result = known.get(candidate) ?? check();
    known.set(candidate, result);
    return result;
  }
}

/** Bounds what a text grows by when its names are replaced by what they stand for. */

/** A longer value is a text of its own; values that name one another could grow without an end. */
const valueCharsMax = 1_000;
/** So many times the source a text may grow by what its names stand for. */
const growthMax = 4;
const growthCharsMin = 100_000;

export class Growth {
  #charsLeft: number;

  constructor(sourceChars: number) {
    this.#charsLeft = Math.max(growthCharsMin, sourceChars * growthMax);
  }

  /** Whether the value may be put in once more. */
  takes({ length }: string): boolean {
    if (length > valueCharsMax || length > this.#charsLeft) return false;
    this.#charsLeft -= length;
    return true;
  }
}

/** Cutting a text into words before any vocabulary is asked: shared by all tokenizers, pure. */

import { limits } from "../contract/limits.ts";
import { splitsPair } from "../contract/well-formed.ts";
import type { Word } from "./port.ts";

/**
 * What BERT's pre-tokenizer separates: each punctuation mark and each ideograph stands alone. The
 * ranges are those of the model's normaliser, so that cutting first and encoding the pieces gives
 * the ids of the whole text.
 */
const punctuation = "\\p{P}\\u0021-\\u002f\\u003a-\\u0040\\u005b-\\u0060\\u007b-\\u007e";
const ideographs = "\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff";
/**
 * Not `\s`: form feed, vertical tab and byte order mark are dropped by the model and separate
 * nothing.
 */
const space = "\\t\\n\\r \\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

const piecePattern = new RegExp(
  `[${punctuation}${ideographs}]|[^${space}${punctuation}${ideographs}]+`,
  "gu",
);

/** Yields `[start, end)` of every piece, none longer than `limits.wordCharsMax`, in linear time. */
export function* pieceOffsets(text: string): Generator<readonly [number, number]> {
  for (const match of text.matchAll(piecePattern)) {
    const end = match.index + match[0].length;
    let start = match.index;
    while (end - start > limits.wordCharsMax) {
      const cut = start + limits.wordCharsMax;
      const middle = splitsPair(text, cut) ? cut - 1 : cut;
      yield [start, middle];
      start = middle;
    }
    yield [start, end];
  }
}

/**
 * A vocabulary of WordPiece in order, each letter narrowing the range of pieces that begin like the
 * word. Looking a piece up letter by letter ends at the first one that no piece continues with:
 * trying every length instead makes an unknown word of 100 letters cost 10 ms. A tree of the
 * letters is as fast and takes 80 ms more of every start.
 */
export class SortedPieces {
  /** By UTF-16 code units, so that a piece comes before those that continue it. */
  readonly #first: readonly string[];
  /** Those that continue a word, without their mark. */
  readonly #later: readonly string[];

  constructor(pieces: Iterable<string>) {
    const all = [...pieces];
    const later = all.filter(
      (piece) => piece.startsWith(laterMark) && piece.length > laterMark.length,
    );
    this.#first = all.toSorted();
    this.#later = later.map((piece) => piece.slice(laterMark.length)).toSorted();
  }

  /**
   * The longest piece first, later ones marked by `##`; undefined for a word that its pieces do not
   * make.
   */
  split(word: string): string[] | undefined {
    const pieces: string[] = [];
    for (let start = 0; start < word.length; ) {
      const end = longest(start === 0 ? this.#first : this.#later, word, start);
      if (end === start) return undefined;
      pieces.push(start === 0 ? word.slice(0, end) : laterMark + word.slice(start, end));
      start = end;
    }
    return pieces;
  }
}

/**
 * Where the longest piece ends that the word has at `start`; `start` when it has none. Both bounds
 * of the range are searched for here: through a function that takes an object it is half as fast.
 */
function longest(pieces: readonly string[], word: string, start: number): number {
  let from = 0;
  let to = pieces.length;
  let best = start;
  for (let at = start; at < word.length; at += 1) {
    const letter = word.charCodeAt(at);
    let end = to;
    // The first piece whose letter here is not below. One that ended before has none, and is.
    while (from < end) {
      const middle = (from + end) >>> 1;
      if ((pieces[middle] as string).charCodeAt(at - start) >= letter) end = middle;
      else from = middle + 1;
    }
    // The first whose letter is above.
    while (end < to) {
      const middle = (end + to) >>> 1;
      if ((pieces[middle] as string).charCodeAt(at - start) > letter) to = middle;
      else end = middle + 1;
    }
    if (from === to) break;
    if (pieces[from]?.length === at - start + 1) best = at + 1;
  }
  return best;
}

const laterMark = "##";

/** [CLS] ids [SEP], at most `maxTokens` in all. */
export function frameTokens(options: {
  readonly startId: number;
  readonly endId: number;
  readonly words: Iterable<Pick<Word, "ids">>;
  readonly maxTokens: number;
}): Int32Array {
  const ids = [options.startId];
  for (const word of options.words) {
    for (const id of word.ids) {
      if (ids.length >= options.maxTokens - 1) break;
      ids.push(id);
    }
    if (ids.length >= options.maxTokens - 1) break;
  }
  ids.push(options.endId);
  return Int32Array.from(ids);
}

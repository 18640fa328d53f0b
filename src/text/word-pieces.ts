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
 * A vocabulary of WordPiece as a tree of its letters. Looking a piece up letter by letter ends at
 * the first one that no piece continues with: trying every length instead makes an unknown word of
 * 100 letters cost 10 ms.
 */
export class PieceTree {
  /** Node and letter to node, as one number; nodes are numbered as they come. */
  readonly #next = new Map<number, number>();
  readonly #ends = new Set<number>();
  #nodes = 2;

  constructor(pieces: Iterable<string>) {
    for (const piece of pieces) {
      const isLater = piece.startsWith(laterMark) && piece.length > laterMark.length;
      if (isLater) this.#add(piece.slice(laterMark.length), laterRoot);
      this.#add(piece, firstRoot);
    }
  }

  /**
   * The longest piece first, later ones marked by `##`; undefined for a word that its pieces do not
   * make.
   */
  split(word: string): string[] | undefined {
    const pieces: string[] = [];
    for (let start = 0; start < word.length; ) {
      const end = this.#longest(word, start);
      if (end === start) return undefined;
      pieces.push(start === 0 ? word.slice(0, end) : laterMark + word.slice(start, end));
      start = end;
    }
    return pieces;
  }

  #longest(word: string, start: number): number {
    let node = start === 0 ? firstRoot : laterRoot;
    let best = start;
    for (let at = start; at < word.length; at += 1) {
      const next = this.#next.get(node * lettersMax + word.charCodeAt(at));
      if (next === undefined) break;
      node = next;
      if (this.#ends.has(node)) best = at + 1;
    }
    return best;
  }

  #add(letters: string, root: number): void {
    let node = root;
    for (let at = 0; at < letters.length; at += 1) {
      const key = node * lettersMax + letters.charCodeAt(at);
      let next = this.#next.get(key);
      if (next === undefined) {
        next = this.#nodes;
        this.#nodes += 1;
        this.#next.set(key, next);
      }
      node = next;
    }
    this.#ends.add(node);
  }
}

const laterMark = "##";
const firstRoot = 0;
const laterRoot = 1;
const lettersMax = 0x1_0000;

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

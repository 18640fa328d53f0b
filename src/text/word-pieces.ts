/** Cutting a text into words before any vocabulary is asked: shared by all tokenizers, pure. */

import { limits } from "../contract/limits.ts";
import type { Word } from "./port.ts";

/**
 * What BERT's pre-tokenizer separates: each punctuation mark and each ideograph stands alone. The
 * ranges are those of the model's normaliser, so that cutting first and encoding the pieces gives
 * the ids of the whole text.
 */
const punctuation = "\\p{P}\\u0021-\\u002f\\u003a-\\u0040\\u005b-\\u0060\\u007b-\\u007e";
const ideographs = "\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff";
/** Not `\s`: form feed, vertical tab and byte order mark are dropped by the model and separate nothing. */
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

export interface PieceVocabulary {
  has(piece: string): boolean;
  /** Of its longest piece, in code points. */
  readonly pieceCharsMax: number;
}

/**
 * WordPiece: the longest piece first, later ones marked by `##`; undefined for a word that its pieces do not make. No
 * search is longer than the longest piece: trying every length makes an unknown word of 100 letters cost 10 ms.
 */
export function wordPieces(word: string, vocabulary: PieceVocabulary): string[] | undefined {
  const offsets = [0];
  for (const character of word) offsets.push((offsets.at(-1) ?? 0) + character.length);
  const last = offsets.length - 1;
  const pieces: string[] = [];
  let start = 0;
  while (start < last) {
    let end = Math.min(last, start + vocabulary.pieceCharsMax);
    let piece = "";
    for (; end > start; end -= 1) {
      const letters = word.slice(offsets[start], offsets[end]);
      piece = start === 0 ? letters : `##${letters}`;
      if (vocabulary.has(piece)) break;
    }
    if (end === start) return undefined;
    pieces.push(piece);
    start = end;
  }
  return pieces;
}

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

function splitsPair(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xdc00 && unit <= 0xdfff;
}

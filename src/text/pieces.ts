/**
 * A text in pieces that a model takes whole. For questions, of which nothing may be cut: a document
 * has chunking, with headings and overlaps.
 *
 *   TP1  every word is in exactly one piece, in order;
 *   TP2  no piece has more tokens than the model takes, unless it is one word;
 *   TP3  pieces are of about one size, so that none counts for more than its share where their
 *        vectors are pooled; within that, a piece begins with a sentence where one begins;
 *   TP4  each piece but the last fills a quarter of the window: as many pieces at most as four
 *        times the tokens would fill.
 */

import type { Tokenizer, Word } from "./port.ts";
import { sentenceStarts } from "./sentences.ts";

/** [CLS] and [SEP]. */
const markTokens = 2;

/** A text that fits is one piece, as it is. */
export function piecesOf(text: string, tokenizer: Tokenizer, tokensMax: number): readonly string[] {
  const words = tokenizer.words(text);
  const window = Math.max(1, tokensMax - markTokens);
  const total = tokensIn(words);
  if (total <= window) return [text];
  const usual = Math.ceil(total / Math.ceil(total / window));
  const sentences = sentenceBegins(text, words);
  const pieces: string[] = [];
  for (let from = 0; from < words.length; ) {
    const to = endOfPiece({ words, from, usual, window, sentences });
    pieces.push(text.slice(words[from]?.start, words[to - 1]?.end));
    from = to;
  }
  return pieces;
}

/** Numbers of the words that a sentence begins with. */
function sentenceBegins(text: string, words: readonly Word[]): ReadonlySet<number> {
  const begins = new Set<number>();
  let word = 0;
  for (const start of sentenceStarts(text)) {
    while (word < words.length && (words[word] as Word).start < start) word += 1;
    begins.add(word);
  }
  return begins;
}

/**
 * After the first `usual` tokens, or at the sentence that begins nearest to there between half of
 * them and the window. What is left over and would fit beside it is taken along.
 */
function endOfPiece(cut: {
  readonly words: readonly Word[];
  readonly from: number;
  readonly usual: number;
  readonly window: number;
  readonly sentences: ReadonlySet<number>;
}): number {
  const { words, from, usual, window, sentences } = cut;
  let tokens = (words[from] as Word).ids.length;
  let plain = from + 1;
  let best: { readonly at: number; readonly distance: number } | undefined;
  let at = from + 1;
  for (; at < words.length; at += 1) {
    const distance = Math.abs(tokens - usual);
    if (sentences.has(at) && tokens * 2 >= usual && distance < (best?.distance ?? usual)) {
      best = { at, distance };
    }
    const more = tokens + (words[at] as Word).ids.length;
    if (more > window) break;
    if (more <= usual) plain = at + 1;
    tokens = more;
  }
  if (at === words.length) return words.length;
  return best?.at ?? plain;
}

function tokensIn(words: readonly Word[]): number {
  return words.reduce((sum, { ids }) => sum + ids.length, 0);
}

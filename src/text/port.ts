/** Text to token ids: what chunking and questions see of any tokenizer. */

/**
 * A piece of text that is never torn, with its ids. Text between words is white space and has none.
 */
export interface Word {
  /** Offsets into the text in UTF-16 units, end exclusive. */
  readonly start: number;
  readonly end: number;
  /** May be empty: the model sees nothing of a lone control character. */
  readonly ids: readonly number[];
}

/**
 *   TK1  `words` covers every character that is not white space, in order and without overlaps, in
 *       linear time;
 *   TK2  `encode` is [CLS], the ids of `words` one after another, [SEP]: what was counted is what
 *       is embedded;
 *   TK3  text that looks like a special token is text;
 *   TK4  no word is longer than `limits.wordCharsMax`, and nothing is ever padded.
 */
export interface Tokenizer {
  /** Id of [CLS]. */
  readonly startId: number;
  /** Id of [SEP]. */
  readonly endId: number;
  words(text: string): Word[];
  /** At most `maxTokens` ids, [CLS] and [SEP] included; the end of a longer text is left out. */
  encode(text: string, maxTokens: number): Int32Array;
}

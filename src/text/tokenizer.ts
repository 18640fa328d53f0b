/**
 * The model's own tokenizer (WordPiece of a BERT encoder), from the model's `tokenizer.json`.
 *
 * Traps that this file answers: the published file pads every text to 128 tokens and cuts it there
 * (both switched off here), and it reads `[CLS]` in a document as the special token (its added
 * tokens are withheld from the library, so that such text is text: TK3). The library's search for
 * pieces costs the third power of a word's length (a text of unknown letters took 100 us a
 * character), so it is replaced.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as vendorModule from "@huggingface/tokenizers";
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { Tokenizer, Word } from "./port.ts";
import { frameTokens, pieceOffsets, SortedPieces } from "./word-pieces.ts";

/** The part of the library that is used: its own types do not resolve under `nodenext`. */
interface WordPiece {
  encode(text: string, options: { add_special_tokens: boolean }): { readonly ids: number[] };
  token_to_id(token: string): number | undefined;
  readonly model: {
    readonly vocab: readonly string[];
    readonly unk_token: string;
    readonly max_input_chars_per_word: number;
    encode(words: readonly string[]): string[];
  };
}
const { Tokenizer: VendorTokenizer } = vendorModule as unknown as {
  readonly Tokenizer: new (tokenizer: object, config: object) => WordPiece;
};

/** @throws FreshetError internal when the folder holds no usable tokenizer */
export async function loadTokenizer(modelDir: string): Promise<Tokenizer> {
  try {
    const file: unknown = JSON.parse(await readFile(join(modelDir, "tokenizer.json"), "utf8"));
    if (typeof file !== "object" || file === null) throw new TypeError("not an object");
    const vendor = new VendorTokenizer(
      { ...file, added_tokens: [], padding: null, truncation: null, post_processor: null },
      {},
    );
    searchByLetters(vendor);
    return new CachingTokenizer(vendor);
  } catch (cause) {
    throw new FreshetError("internal", "the model's tokenizer.json cannot be used", { cause });
  }
}

function searchByLetters({ model }: WordPiece): void {
  const { vocab, unk_token: unknown, max_input_chars_per_word: charsMax } = model;
  const pieces = new SortedPieces(vocab);
  model.encode = (words) =>
    words.flatMap((word) =>
      [...word].length > charsMax ? unknown : (pieces.split(word) ?? unknown),
    );
}

class CachingTokenizer implements Tokenizer {
  readonly startId: number;
  readonly endId: number;
  readonly #vendor: WordPiece;
  readonly #idsByPiece = new Map<string, readonly number[]>();

  constructor(vendor: WordPiece) {
    this.#vendor = vendor;
    this.startId = specialId(vendor, "[CLS]");
    this.endId = specialId(vendor, "[SEP]");
  }

  words(text: string): Word[] {
    return [...this.#eachWord(text)];
  }

  encode(text: string, maxTokens: number): Int32Array {
    const { startId, endId } = this;
    return frameTokens({ startId, endId, words: this.#eachWord(text), maxTokens });
  }

  *#eachWord(text: string): Generator<Word> {
    for (const [start, end] of pieceOffsets(text)) {
      yield { start, end, ids: this.#ids(text.slice(start, end)) };
    }
  }

  #ids(piece: string): readonly number[] {
    const known = this.#idsByPiece.get(piece);
    if (known !== undefined) return known;
    const ids = plainPattern.test(piece) ? this.#plainIds(piece) : this.#vendorIds(piece);
    // Starting over is simpler than tracking ages, and the frequent words are back within a page.
    if (this.#idsByPiece.size >= limits.tokenizerCacheWordsMax) this.#idsByPiece.clear();
    this.#idsByPiece.set(piece, ids);
    return ids;
  }

  #vendorIds(piece: string): readonly number[] {
    return this.#vendor.encode(piece, { add_special_tokens: false }).ids;
  }

  #plainIds(piece: string): readonly number[] {
    const { model } = this.#vendor;
    return model.encode([piece.toLowerCase()]).map((part) => specialId(this.#vendor, part));
  }
}

/**
 * What the model's normaliser only turns into small letters: the library's own way there takes 20
 * us a word.
 */
const plainPattern = /^[A-Za-z0-9]+$/;

function specialId(vendor: WordPiece, token: string): number {
  const id = vendor.token_to_id(token);
  if (id === undefined) throw new TypeError(`no ${token} in the vocabulary`);
  return id;
}

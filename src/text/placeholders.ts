/**
 * What stands for a value that was replaced: `[EMAIL:c3f9a1c2b4]`, its kind and a digest under the
 * tenant's key. The digest begins with a letter, so that no recogniser takes one for a number.
 */

import { limits } from "../contract/limits.ts";
import { keyedDigest } from "./digest.ts";
import { type NameKind, nameKinds } from "./name-spans.ts";
import { type Kind, kinds, type Span } from "./recognisers/recogniser.ts";

const digestChars = 10;
const firstLetters = "abcdef";
const form = `\\[(?:${[...kinds, ...nameKinds].join("|")})(?::[a-f][0-9a-f]{${digestChars - 1}})?\\]`;
const pattern = new RegExp(form, "g");
/** A text that is nothing but a placeholder. */
export const onePlaceholder = new RegExp(`^${form}$`);

export interface Replaced extends Span {
  readonly kind: Kind | NameKind;
  /** The value in the one spelling that all its spellings have. */
  readonly normal: string;
}

/**
 * The placeholders of one text. They may be longer than what they replace: a text made of nothing
 * but short addresses has digests for as many as its bound of growth allows, and kinds for the
 * rest.
 */
export class Placeholders {
  readonly #key: Uint8Array;
  readonly #known = new Map<string, string>();
  #growthLeft: number;

  /** @param grownChars by so much the text has grown already, or become shorter */
  constructor(key: Uint8Array, chars: number, grownChars = 0) {
    this.#key = key;
    const { redactionGrowthCharsMin, redactionGrowthShare } = limits;
    this.#growthLeft =
      redactionGrowthCharsMin + Math.floor(chars * redactionGrowthShare) - grownChars;
  }

  of({ kind, normal, start, end }: Replaced): string {
    const growth = kind.length + digestChars + 3 - (end - start);
    if (growth > this.#growthLeft) return `[${kind}]`;
    this.#growthLeft -= Math.max(0, growth);
    return `[${kind}:${this.#digest(kind, normal)}]`;
  }

  #digest(kind: Kind | NameKind, normal: string): string {
    const name = `${kind}\0${normal}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const hex = keyedDigest(this.#key, name);
    const first = firstLetters[Number.parseInt(hex.slice(0, 2), 16) % firstLetters.length] ?? "";
    const digest = first + hex.slice(2, digestChars + 1);
    this.#known.set(name, digest);
    return digest;
  }
}

/** Where a text already has placeholders: nothing inside of one is found again. */
export function placeholderSpans(text: string): { covers(span: Span): boolean } {
  const ends = new Map<number, number>();
  const starts: number[] = [];
  if (text.includes("["))
    for (const { 0: match, index } of text.matchAll(pattern)) {
      starts.push(index);
      ends.set(index, index + match.length);
    }
  const startAtMost = (offset: number): number => {
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return starts[low - 1] ?? -1;
  };
  return {
    covers: ({ start, end }) => end <= (ends.get(startAtMost(start)) ?? -1),
  };
}

/**
 * Whether cited passages say what a sentence says, by its words, numbers and names. A check that
 * anybody can repeat, not a proof of its sense: who swaps subject and object passes it. Pure.
 *
 *   SU1  a sentence whose words stand in its passage as they are is supported;
 *   SU2  a number or a name that no passage cited for the sentence holds makes it unsupported;
 *   SU3  a sentence that denies, or is denied by, its passage is weak at best.
 */

import type { Support } from "../contract/citation.ts";
import { terms } from "../text/lexical.ts";

/** Shares of a sentence's terms that its passages hold. Judged on squad-a's answers. */
const supportedShareMin = 0.7;
const weakShareMin = 0.4;
/** A passage that holds less of it has no part in it. */
const ownShareMin = 0.2;

/** A passage that a sentence is compared with. */
export interface Passage {
  /** The sentences that fit best. */
  readonly text: string;
  /** All of its source, with title, headings and dates: names and numbers may stand there. */
  readonly whole: string;
}

/** @returns for each passage what it does for the sentence */
export function supportOf(sentence: string, passages: readonly Passage[]): Support[] {
  const plain = oneLine(sentence);
  const wanted = new Set(terms(inFigures(plain)));
  const held = passages.map(({ text }) => new Set(terms(inFigures(text))));
  const share = (set: ReadonlySet<string>): number => {
    let found = 0;
    for (const term of wanted) if (set.has(term)) found += 1;
    return wanted.size === 0 ? 0 : found / wanted.size;
  };
  const together = share(new Set(held.flatMap((set) => [...set])));
  const hasFacts = holdsFacts(plain, passages.map(({ whole }) => whole).join("\n"));
  const isDenied = passages.some(({ text }) => denies(text));
  return passages.map(({ text }, index) => {
    if (plain !== "" && oneLine(text).includes(plain)) return "supported"; // SU1
    if (!hasFacts) return "unsupported"; // SU2
    const own = share(held[index] ?? new Set());
    if (together < weakShareMin || own < ownShareMin) return "unsupported";
    const isWhole = together >= supportedShareMin && denies(plain) === isDenied; // SU3
    return isWhole ? "supported" : "weak";
  });
}

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();

const denial = /\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot)\b|n['’]t\b/i;
const denies = (text: string): boolean => denial.test(text);

const numberPattern = /\d+(?:[.,:]\d+)*/g;
/** Small models write out what a source has in figures, and the other way round. */
const numberWords = new Map(
  "zero one two three four five six seven eight nine ten eleven twelve"
    .split(" ")
    .map((word, number) => [word, String(number)]),
);
/** Not the first word of a sentence, and not a lone letter. */
const namePattern = /(?=\p{Lu})(?<=[^\s.!?:]["')\]]?\s+["'(]?)\p{Lu}[\p{L}\p{M}\p{N}'’-]+/gu;

function holdsFacts(sentence: string, whole: string): boolean {
  const numbers = new Set(numbersIn(whole));
  for (const word of whole.toLowerCase().match(/\p{L}+/gu) ?? []) {
    const number = numberWords.get(word);
    if (number !== undefined) numbers.add(number);
  }
  if (numbersIn(sentence).some((number) => !numbers.has(number))) return false;
  const names = sentence.match(namePattern) ?? [];
  if (names.length === 0) return true;
  const known = new Set(terms(whole));
  return names.every((name) => terms(name).every((term) => known.has(term)));
}

/** The parts of `09:00` and `1.5` stay together. */
function numbersIn(text: string): string[] {
  return inFigures(text).match(numberPattern) ?? [];
}

/** `2,048` is `2048`. */
function inFigures(text: string): string {
  return text.replace(/(\d),(?=\d{3}(?!\d))/g, "$1");
}

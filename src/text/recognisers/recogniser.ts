/**
 * What a recogniser is: a pure function from text to the spans of one kind of personal or secret
 * data.
 */

import type { Effort } from "./effort.ts";

export const kinds = [
  "EMAIL",
  "PHONE",
  "CARD",
  "IBAN",
  "IP",
  "MAC",
  "API_KEY",
  "NATIONAL_ID",
  "BIRTH_DATE",
  "WALLET",
] as const;

export type Kind = (typeof kinds)[number];

export interface Span {
  /** Offsets, end exclusive. */
  readonly start: number;
  readonly end: number;
}

/**
 * Sees folded text (`fold.ts`): compatibility forms, digits of other scripts and invisible
 * characters are plain there. Linear in the text, whatever the text; what a bound leaves unchecked
 * counts as found.
 */
export interface Recogniser {
  readonly kind: Kind;
  find(text: string, effort: Effort): Iterable<Span>;
  /** The one spelling of a value that can be written in several ways. */
  normal(value: string): string;
}

/**
 * Letters that are written without spaces, or, as in Korean, stick to what they follow: beside a
 * number, an address or a key they are the sentence around it, never a part of it (`手机138…`). The
 * mark that makes a vowel long belongs to no script.
 */
export const unspaced =
  "[\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\u30fc\\p{sc=Hangul}\\p{sc=Bopomofo}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}\\p{sc=Tibetan}]";
/** A letter or digit that what stands beside it would belong to, for patterns. */
export const joined = `(?:(?!${unspaced})[\\p{L}\\p{N}])`;
/** What joins the name of a thing and its value in a sentence without spaces: `密码是…`. */
export const unspacedIs = "[是为為はが은는이가]";

const wordPattern = new RegExp(`${joined}|_`, "u");

/** Whether a character can be part of a word or number: what a match may not stand beside. */
export function isWordCharacter(character: string | undefined): boolean {
  if (character === undefined) return false;
  const code = character.charCodeAt(0);
  if (code < 0x80) return isAsciiAlphanumeric(code) || code === underscore;
  return wordPattern.test(character);
}

/** The same for a number in an identifier: `order_4111…` holds one. */
export function isLetterOrDigit(character: string | undefined): boolean {
  return character !== "_" && isWordCharacter(character);
}

const announcing = " \t\n:：=#_-./(\"'`";
const announcingCharsMax = 8;

/**
 * Whether a word stands right before a place: cheap, and most numbers of a row have none, so no
 * label is looked for there.
 */
export function followsWord(text: string, at: number): boolean {
  let before = at - 1;
  while (before >= 0 && at - before <= announcingCharsMax) {
    const character = text[before] ?? "";
    if (!announcing.includes(character)) return !isDigit(text.charCodeAt(before));
    before -= 1;
  }
  return false;
}

const underscore = 0x5f;

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Of upper or lower case. False for NaN, which is the code after the end of a text. */
export function isAsciiLetter(code: number): boolean {
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

export function isAsciiAlphanumeric(code: number): boolean {
  return isDigit(code) || isAsciiLetter(code);
}

/** Letters and digits alone, in upper case: how cards, IBANs and numbers of states are compared. */
export function compact(value: string): string {
  return value.replace(/[^\p{L}\p{N}]/gu, "").toUpperCase();
}

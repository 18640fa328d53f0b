import { isPossiblePhoneNumber, isValidPhoneNumber } from "libphonenumber-js/max";
import { isWordCharacter, type Recogniser, type Span } from "./recogniser.ts";

/** Digits with the separators people use, up to two in a row; starts are unique, so time is linear. */
const candidatePattern =
  /(?<![\p{L}\p{N}_.+/-])(?:\+|\(\+?)?\d{1,15}(?:[ \t.\-/()\u2010-\u2015]{1,2}\d{1,15}){0,12}/gu;
/** North America's own form: with its separators it is unlike any other number. */
const nanpPattern = /^(?:1[-. ])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])[2-9]\d\d[-. ]\d{4}$/;
const phoneWord =
  /(?<!\p{L})(?:phone|tel|mobile|cell|fax|call|sms|whatsapp|dial|telefon|handy|tél|ring)[\p{L}]{0,6}[.:]?[\s:(#=]{0,3}(?:(?:us|me|him|her|them|at|on|number|no|is|under)[.:]?\s{0,2}){0,3}\(?$/u;
const phoneWordLookBack = 40;
const digitsMin = 7;
const digitsMax = 15;

/**
 * Phone numbers, conservatively: `+` or `00` with a country code and a possible length; the North
 * American form; anything of the right length right after a word like "phone" or "call". Dates,
 * times, versions and plain long numbers stay.
 */
export const phone: Recogniser = {
  kind: "PHONE",
  *find(text) {
    for (const { 0: match, index } of text.matchAll(candidatePattern)) {
      yield* phonesIn(text, match, index);
    }
  },
};

/** Other numbers may stand before a phone number: each group after a space is a possible beginning. */
function* phonesIn(text: string, candidate: string, index: number): Generator<Span> {
  if (candidate.length < digitsMin) return;
  const before = text.slice(Math.max(0, index - phoneWordLookBack), index).toLowerCase();
  let start = 0;
  while (start < candidate.length) {
    const announced = start === 0 && /\p{L}/u.test(before) && phoneWord.test(before);
    const length = phoneLength(text, {
      candidate: candidate.slice(start),
      index: index + start,
      announced,
    });
    if (length > 0) yield { start: index + start, end: index + start + length };
    const next = start + Math.max(1, length);
    start = candidate.slice(next).search(/(?<=[ \t])[\d(]/) + next;
    if (start < next) return;
  }
}

/** The candidate may run into numbers that follow it: it is shortened until it is a phone number, or to 0. */
function phoneLength(
  text: string,
  options: { readonly candidate: string; readonly index: number; readonly announced: boolean },
): number {
  const { candidate, index, announced } = options;
  if (!announced && !/^(?:\(?\+|00|\(?[2-9]\d\d|1[-. ])/.test(candidate)) return 0;
  let length = candidate.length;
  while (length >= digitsMin) {
    const number = candidate.slice(0, length);
    if (!isWordCharacter(text[index + length]) && isPhone(number, announced)) return length;
    const shorter = number.replace(/[^\d]{1,2}\d+$/, "").length;
    if (shorter === length) return 0;
    length = shorter;
  }
  return 0;
}

function isPhone(number: string, announced: boolean): boolean {
  const digits = number.replace(/\D/g, "");
  if (digits.length < digitsMin || digits.length > digitsMax) return false;
  const hasCountry = /^\(?\+/.test(number);
  if (hasCountry) return isPossiblePhoneNumber(`+${digits}`);
  if (/^00[1-9]/.test(digits) && isValidPhoneNumber(`+${digits.slice(2)}`)) return true;
  if (nanpPattern.test(number)) return isValidPhoneNumber(digits, "US") || announced;
  return announced && !looksLikeDate(number);
}

function looksLikeDate(number: string): boolean {
  return /^(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4})/.test(number);
}

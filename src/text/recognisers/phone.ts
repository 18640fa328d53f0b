import { isPossiblePhoneNumber, isValidPhoneNumber } from "libphonenumber-js/max";
import type { Effort } from "./effort.ts";
import { isDigit, isWordCharacter, type Recogniser, type Span } from "./recogniser.ts";

/** Where a row of digit groups may begin. */
const startPattern = /(?<![\p{L}\p{N}_.+/-])(?:\+|\(\+?)?\d/gu;
/** The same right after a phone number: the next one of a list. */
const nextPattern = /[.,;/-]?\(?\+\d/y;
/** North America's own form: with its separators it is unlike any other number. */
const nanpPattern = /^(?:1[-. ])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[-. ])[2-9]\d\d[-. ]\d{4}$/;
/** Its longest form has so many characters. */
const nanpCharsMax = 16;
const phoneWord =
  /(?<!\p{L})(?:phone|tel|mobile|cell|fax|call|sms|whatsapp|dial|telefon|handy|tél|ring)[\p{L}]{0,6}[.:]?[\s:(#=]{0,3}(?:(?:us|me|him|her|them|at|on|number|no|is|under)[.:]?\s{0,2}){0,3}\(?$/u;
const phoneWordLookBack = 40;
const plus = 0x2b;
const zero = 0x30;
const bracket = 0x28;
const digitsMin = 7;
const digitsMax = 15;
/** A group of more digits belongs to no phone number: how many more is not looked at. */
const groupDigitsMax = digitsMax + 1;

/**
 * Phone numbers, conservatively: `+` or `00` with a country code and a possible length; the North
 * American form; anything of the right length right after a word like "phone" or "call". Dates,
 * times, versions and plain long numbers stay.
 */
export const phone: Recogniser = {
  kind: "PHONE",
  *find(text, effort) {
    startPattern.lastIndex = 0;
    for (let from = rowAt(text, startPattern, 0); from !== undefined; ) {
      const row = readRow(text, from);
      const after: number = yield* phonesIn({ text, row, effort });
      // Numbers joined by a plus follow one another without a place where a row may begin.
      const next: number | undefined =
        after === row.end ? rowAt(text, nextPattern, after) : undefined;
      from = next ?? rowAt(text, startPattern, row.end);
    }
  },
};

function rowAt(text: string, pattern: RegExp, from: number): number | undefined {
  pattern.lastIndex = from;
  const found = pattern.exec(text);
  if (found === null) return undefined;
  const mark = found[0].search(/[(+\d]/);
  return found.index + mark;
}

/** Digit groups that follow one another with nothing but separators between. */
interface Row {
  readonly start: number;
  readonly end: number;
  /** Where each group ends. */
  readonly ends: readonly number[];
  /** How many digits of the row have ended there. */
  readonly digits: readonly number[];
  /** Where a phone number may begin: the row itself, and what follows a space. */
  readonly begins: readonly number[];
  /** With which group each of them begins. */
  readonly groups: readonly number[];
}

function readRow(text: string, start: number): Row {
  const ends: number[] = [];
  const digits: number[] = [];
  const begins = [start];
  const groups = [0];
  let at = start;
  while (!isDigit(text.charCodeAt(at))) at += 1;
  for (let total = 0; ; ) {
    const first = at;
    while (isDigit(text.charCodeAt(at))) at += 1;
    total += Math.min(at - first, groupDigitsMax);
    ends.push(at);
    digits.push(total);
    const width = separatorWidth(text, at);
    if (width === 0) return { start, end: at, ends, digits, begins, groups };
    const next = at + width;
    // Behind a space, at the digit or at its bracket.
    const begin = text.charCodeAt(next - 1) === bracket && width > 1 ? next - 1 : next;
    if (isBlank(text.charCodeAt(begin - 1))) {
      begins.push(begin);
      groups.push(ends.length);
    }
    at = next;
  }
}

/** The separators people use, up to two in a row; 0 where no digit follows. */
function separatorWidth(text: string, at: number): number {
  if (!isSeparator(text.charCodeAt(at))) return 0;
  if (isDigit(text.charCodeAt(at + 1))) return 1;
  return isSeparator(text.charCodeAt(at + 1)) && isDigit(text.charCodeAt(at + 2)) ? 2 : 0;
}

/** One of ` \t.-/()` or a dash of another length. */
function isSeparator(code: number): boolean {
  if (code >= 0x80) return code >= 0x2010 && code <= 0x2015;
  return isBlank(code) || code === bracket || code === 0x29 || (code >= 0x2d && code <= 0x2f);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

interface Search {
  readonly text: string;
  readonly row: Row;
  readonly effort: Effort;
}

/** Yields the numbers of a row; returns where the last of them ended, or the row's start. */
function* phonesIn(search: Search): Generator<Span, number> {
  const { text, row } = search;
  let after = row.start;
  if (row.end - row.start < digitsMin) return after;
  const before = text.slice(Math.max(0, row.start - phoneWordLookBack), row.start).toLowerCase();
  for (let index = 0; index < row.begins.length; index += 1) {
    const at = row.begins[index] as number;
    if (at < after) continue;
    const group = row.groups[index] as number;
    const announced = group === 0 && /\p{L}/u.test(before) && phoneWord.test(before);
    const end = phoneEnd(search, { at, group, announced });
    if (end === undefined) continue;
    yield { start: at, end };
    after = end;
  }
  return after;
}

interface Begin {
  readonly at: number;
  readonly group: number;
  readonly announced: boolean;
}

/** The row may run into numbers that follow: the longest run of groups that is a phone number. */
function phoneEnd({ text, row, effort }: Search, begin: Begin): number | undefined {
  const { at, group, announced } = begin;
  const form = formOf(text, at);
  if (form === undefined && !announced) return undefined;
  const before = row.digits[group - 1] ?? 0;
  let last = group;
  while ((row.digits[last + 1] ?? Number.POSITIVE_INFINITY) - before <= digitsMax) last += 1;
  effort.visit((row.ends[last] as number) - at);
  for (; last >= group; last -= 1) {
    const count = (row.digits[last] as number) - before;
    if (count < digitsMin) return undefined;
    const end = row.ends[last] as number;
    if (count > digitsMax || isWordCharacter(text[end])) continue;
    // A number of another length or width than North America's needs no closer look.
    if (form === "area" && !announced && (count > 11 || count < 10 || end - at > nanpCharsMax))
      continue;
    if (isPhone({ written: text.slice(at, end), form, announced }, effort)) return end;
  }
  return undefined;
}

/**
 * What a number begins like: with a country code, after a plus or two zeros, or with an area code
 * of North America.
 */
type Form = "plus" | "zeros" | "area";

function formOf(text: string, at: number): Form | undefined {
  const begin = text.charCodeAt(at) === bracket ? at + 1 : at;
  const code = text.charCodeAt(begin);
  if (code === plus) return "plus";
  if (code === zero) return begin === at && text.charCodeAt(at + 1) === zero ? "zeros" : undefined;
  if (code === zero + 1)
    return begin === at && /[-. ]/.test(text[at + 1] ?? "") ? "area" : undefined;
  const isArea = isDigit(text.charCodeAt(begin + 1)) && isDigit(text.charCodeAt(begin + 2));
  return isArea ? "area" : undefined;
}

interface Candidate {
  readonly written: string;
  readonly form: Form | undefined;
  readonly announced: boolean;
}

function isPhone({ written, form, announced }: Candidate, effort: Effort): boolean {
  if (form === "plus") return isInternational(digitsOf(written), "possible", effort);
  if (form === "zeros" && isInternational(digitsOf(written).slice(2), "valid", effort)) return true;
  if (form === "area" && nanpPattern.test(written)) {
    const digits = digitsOf(written);
    return announced || effort.passes(digits, () => isValidPhoneNumber(digits, "US"));
  }
  return announced && !looksLikeDate(written);
}

function digitsOf(written: string): string {
  return written.replace(/\D/g, "");
}

/** No country code begins with a zero, and no number of North America after its 1. */
function isInternational(digits: string, wanted: "possible" | "valid", effort: Effort): boolean {
  if (digits.startsWith("0") || digits.startsWith("10")) return false;
  const number = `+${digits}`;
  const check = wanted === "possible" ? isPossiblePhoneNumber : isValidPhoneNumber;
  return effort.passes(`${wanted} ${number}`, () => check(number));
}

function looksLikeDate(number: string): boolean {
  return /^(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4})/.test(number);
}

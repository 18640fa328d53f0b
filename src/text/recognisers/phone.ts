import { isPossiblePhoneNumber, isValidPhoneNumber } from "libphonenumber-js/max";
import type { Effort } from "./effort.ts";
import {
  anyNational,
  barePattern,
  fictionalPattern,
  looksLikeDate,
  nanpCharsMax,
  nanpPattern,
  nationalForms,
  nationalStart,
  notPhones,
} from "./phone-forms.ts";
import { type Announcement, announcementIn, countsThings } from "./phone-words.ts";
import {
  followsWord,
  isDigit,
  isWordCharacter,
  joined,
  type Recogniser,
  type Span,
  unspaced,
} from "./recogniser.ts";

/** Where a row of digit groups may begin: a plus begins one behind anything but a short number. */
const startPattern = new RegExp(
  `(?<!(?!${unspaced})\\p{L}|_|(?<!\\d{7})\\d)(?:\\+|\\(\\+)\\d|(?<!${joined}|[_.+/-])\\(?\\d`,
  "gu",
);
/** The same right after a phone number: the next one of a list. */
const nextPattern = /[.,;/|+-]{0,2}\(?\+?\d/y;
const wordsLookBack = 48;
const wordsLookAhead = 24;
const plus = 0x2b;
const zero = 0x30;
const bracket = 0x28;
const separatorsMax = 3;
const digitsMin = 7;
const digitsMax = 15;
/** A group of more digits belongs to no phone number: how many more is not looked at. */
const groupDigitsMax = digitsMax + 1;

/**
 * Phone numbers, conservatively: `+` or `00` with a country code and a possible length; national
 * forms that no other number has; anything of the right length right after a word like "phone".
 * Dates, times, versions, counts and plain long numbers stay.
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
  normal: normalPhone,
};

/** With a plus, with two zeros, with a `(0)`: one number. North America's has its 1 or not. */
function normalPhone(value: string): string {
  const isPlus = value.includes("+");
  const digits = digitsOf(isPlus ? value.replace("(0)", "") : value);
  if (isPlus && !digits.startsWith("00")) return digits;
  if (digits.startsWith("00")) return digits.slice(2);
  return barePattern.test(digits) && digits.length === 10 ? `1${digits}` : digits;
}

function rowAt(text: string, pattern: RegExp, from: number): number | undefined {
  pattern.lastIndex = from;
  const found = pattern.exec(text);
  if (found === null) return undefined;
  const mark = found[0].search(/\(?\+?\d$/);
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
  /** Where a phone number may begin: the row itself, and what follows a space or a slash. */
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
    // Behind a space or a slash, at the digit or at its bracket.
    const begin = text.charCodeAt(next - 1) === bracket && width > 1 ? next - 1 : next;
    if (isBlank(text.charCodeAt(begin - 1)) || text[begin - 1] === "/") {
      begins.push(begin);
      groups.push(ends.length);
    }
    at = next;
  }
}

/** The separators people use, up to three in a row; 0 where no digit follows. */
function separatorWidth(text: string, at: number): number {
  for (let width = 1; width <= separatorsMax; width += 1) {
    if (!isSeparator(text.charCodeAt(at + width - 1))) return 0;
    if (isDigit(text.charCodeAt(at + width))) return width;
  }
  return 0;
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
  const announcement = followsWord(text, row.start)
    ? announcementIn(text.slice(Math.max(0, row.start - wordsLookBack), row.start).toLowerCase())
    : "none";
  for (let index = 0; index < row.begins.length; index += 1) {
    const at = row.begins[index] as number;
    if (at < after) continue;
    const group = row.groups[index] as number;
    // Behind a slash only the next number of a list begins: `030/901820` is one.
    const isSlashed = group > 0 && text[at - 1] === "/";
    if (isSlashed && after !== row.ends[group - 1]) continue;
    const end = phoneEnd(search, { at, group, announced: group === 0 ? announcement : "none" });
    if (end === undefined) continue;
    const isOpen = text[at] === "(" && !isClosed(text.slice(at, end));
    yield { start: isOpen ? at + 1 : at, end };
    after = end;
  }
  return after;
}

/** Whether the bracket that a number begins with is its own, not that of a remark. */
function isClosed(written: string): boolean {
  return written.split("(").length === written.split(")").length;
}

interface Begin {
  readonly at: number;
  readonly group: number;
  readonly announced: Announcement;
}

/** The row may run into numbers that follow: the longest run of groups that is a phone number. */
function phoneEnd({ text, row, effort }: Search, begin: Begin): number | undefined {
  const { at, group, announced } = begin;
  const form = formOf(text, at);
  if (form === undefined && announced === "none") return undefined;
  const before = row.digits[group - 1] ?? 0;
  let last = group;
  while ((row.digits[last + 1] ?? Number.POSITIVE_INFINITY) - before <= digitsMax + 1) last += 1;
  effort.visit((row.ends[last] as number) - at);
  for (; last >= group; last -= 1) {
    const count = (row.digits[last] as number) - before;
    if (count < digitsMin) return undefined;
    const end = row.ends[last] as number;
    if (!mayBe(begin, form, { count, chars: end - at }) || isWordCharacter(text[end])) continue;
    if (isPhone({ text, start: at, end, form, announced }, effort)) return end;
  }
  return undefined;
}

/**
 * What a number begins like: with a country code, after a plus or two zeros, with the zero of a
 * national number, or with the digits of an area code.
 */
type Form = "plus" | "zeros" | "trunk" | "area";

function formOf(text: string, at: number): Form | undefined {
  const isBracket = text.charCodeAt(at) === bracket;
  const begin = isBracket ? at + 1 : at;
  const code = text.charCodeAt(begin);
  if (code === plus) return "plus";
  if (code === zero) return text.charCodeAt(begin + 1) === zero ? "zeros" : "trunk";
  return isDigit(text.charCodeAt(begin + 1)) || /[-. (]/.test(text[begin + 1] ?? "")
    ? "area"
    : undefined;
}

interface Candidate {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly form: Form | undefined;
  readonly announced: Announcement;
}

/** Cheap: whether a number of so many digits and characters needs a closer look. */
function mayBe(
  { announced }: Begin,
  form: Form | undefined,
  { count, chars }: { readonly count: number; readonly chars: number },
): boolean {
  // The zero in `+49 (0) 171 …` is not dialled with the rest.
  if (count > (form === "plus" ? digitsMax + 1 : digitsMax)) return false;
  if (form === "plus" || form === "zeros" || announced !== "none") return true;
  return count >= 9 && count <= 12 && chars <= nanpCharsMax + 3;
}

function isPhone(candidate: Candidate, effort: Effort): boolean {
  const { text, start, end, form, announced } = candidate;
  const written = text.slice(start, end);
  if (form === "plus") return isInternational(normalPhone(written), "possible", effort);
  if (form === "zeros" && isInternational(digitsOf(written).slice(2), "valid", effort)) return true;
  if (announced === "strong" && !looksLikeDate(written)) return true;
  if (isNational(candidate, written, effort) || isNorthAmerican(candidate, written, effort))
    return true;
  if (announced !== "weak" || looksLikeDate(written)) return false;
  return !countsThings(text.slice(end, end + wordsLookAhead)) && !/0000$/.test(written);
}

function isNational({ text, start, end }: Candidate, written: string, effort: Effort): boolean {
  if (
    !nationalStart.test(written) ||
    !anyNational.test(written) ||
    isAmidBytes(text, { start, end })
  )
    return false;
  for (const { pattern, countries } of nationalForms) {
    if (!pattern.test(written)) continue;
    const digits = digitsOf(written);
    const isOne = (country: (typeof countries)[number]): boolean =>
      effort.passes(`${country} ${digits}`, () => isValidPhoneNumber(digits, country));
    if (countries.some(isOne)) return true;
  }
  return false;
}

function isNorthAmerican(candidate: Candidate, written: string, effort: Effort): boolean {
  const { text, start, end, form } = candidate;
  if (form !== "area" || end - start > nanpCharsMax) return false;
  if (fictionalPattern.test(written)) return true;
  const isBare = barePattern.test(written);
  if (!isBare && !nanpPattern.test(written)) return false;
  const digits = digitsOf(written);
  if (isBare && (notPhones.has(digits) || !standsAlone(text, { start, end }))) return false;
  return effort.passes(digits, () => isValidPhoneNumber(digits, "US"));
}

/** `28 13 02 00 00 00 00 05`: a dump of bytes, or a column of numbers. */
function isAmidBytes(text: string, { start, end }: Span): boolean {
  const before = text.slice(Math.max(0, start - 4), start);
  return (
    /^ [0-9a-f]{2}(?![\p{L}\p{N}])/iu.test(text.slice(end, end + 4)) ||
    /(?<![\p{L}\p{N}])[0-9a-f]{2} $/iu.test(before)
  );
}

/** Neither the value of anything, nor a count, nor one number of a row of them. */
function standsAlone(text: string, { start, end }: Span): boolean {
  const before = text.slice(Math.max(0, start - 3), start);
  if (/[^\s"'`(,;|.!?[]\s?$/.test(before) && !/\p{L}\s$/u.test(before)) return false;
  if (/^[^\s"'`),;|.!?\]+]|^\s?\d/.test(text.slice(end, end + 2))) return false;
  return !countsThings(text.slice(end, end + wordsLookAhead));
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

import type { Effort } from "./effort.ts";
import { compact, isDigit, isLetterOrDigit, type Recogniser, type Span } from "./recogniser.ts";

/** Digits with separators, long enough for the shortest card. */
const rowPattern = /\d[\d .\n-]{11,}\d/g;
const digitsMin = 13;
const digitsMax = 19;
const prefixDigits = 4;
const zero = 0x30;
const space = 0x20;
const lineEnd = 0x0a;
const separators = " -.\n";
/** Separators that stand between other numbers too: only cards are grouped so. */
const cardGroups = /^\d{4}(?:[ .\n-]{1,2}\d{4}){3}$|^\d{4}[ .\n-]{1,2}\d{6}[ .\n-]{1,2}\d{5}$/;

/**
 * Payment cards: issuer prefix with its lengths, and the Luhn digit. A card may stand amid other
 * numbers.
 */
export const card: Recogniser = {
  kind: "CARD",
  *find(text, effort) {
    for (const { 0: row, index } of text.matchAll(rowPattern)) {
      yield* cardsIn(text, { start: index, end: index + row.length }, effort);
    }
  },
  normal: compact,
};

/** A card begins with a group of digits and ends with one. */
function* cardsIn(text: string, row: Span, effort: Effort): Generator<Span> {
  let at = row.start;
  while (at <= row.end - digitsMin) {
    const end = cardEnd(text, at, effort);
    if (end !== undefined) yield { start: at, end };
    else while (isDigit(text.charCodeAt(at))) at += 1;
    at = end ?? at;
    while (at < row.end && !isDigit(text.charCodeAt(at))) at += 1;
  }
}

/**
 * The end of the longest card of groups with one and the same separator; a line end may stand for
 * one of them.
 */
function cardEnd(text: string, start: number, effort: Effort): number | undefined {
  if (!isIssuerDigit(text.charCodeAt(start)) || isLetterOrDigit(text[start - 1])) return undefined;
  const luhn = new Luhn();
  let separator: number | undefined;
  let isUsual = true;
  let best: number | undefined;
  for (let at = start; luhn.count <= digitsMax; at += 1) {
    const code = text.charCodeAt(at);
    if (isDigit(code)) {
      luhn.add(code - zero);
      continue;
    }
    const isEnd = luhn.isCard() && !isLetterOrDigit(text[at]);
    if (isEnd && (isUsual || cardGroups.test(text.slice(start, at)))) best = at;
    const width = jointWidth(text, at);
    if (width === 0 || (code !== lineEnd && code !== (separator ?? code))) break;
    isUsual &&= width === 1 && code !== lineEnd && text[at] !== ".";
    if (code !== lineEnd) separator = code;
    at += width - 1;
  }
  effort.visit(luhn.count);
  return best;
}

/** One separator or two spaces between two digits; 0 for anything else. */
function jointWidth(text: string, at: number): number {
  if (!separators.includes(text[at] ?? "x")) return 0;
  if (isDigit(text.charCodeAt(at + 1))) return 1;
  const next = text.charCodeAt(at + 1);
  const isDouble = next === space && (text.charCodeAt(at) === space || text[at] === "\n");
  return isDouble && isDigit(text.charCodeAt(at + 2)) ? 2 : 0;
}

/** With 0, 1, 7 or 9 no card begins. */
function isIssuerDigit(code: number): boolean {
  const digit = code - zero;
  return digit === 8 || (digit >= 2 && digit <= 6);
}

/** Prefixes and lengths of the networks (ISO/IEC 7812): random long numbers rarely have both. */
const issuers: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^4/, [13, 16, 19]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^3(?:0[0-5]|[689])/, [14, 16]],
  [/^35(?:2[89]|[3-8])/, [16, 17, 18, 19]],
  [/^6(?:011|4[4-9]|5)/, [16, 17, 18, 19]],
  [/^(?:62|81)/, [16, 17, 18, 19]],
  // Shorter ones exist on paper; codes of goods have 13 digits, too.
  [/^(?:50|5[6-9]|6[0-9])/, [16, 17, 18, 19]],
];

/** Lengths of a card by its first four digits, which no issuer's prefix exceeds. */
const lengthsByPrefix: readonly ReadonlySet<number>[] = Array.from(
  { length: 10 ** prefixDigits },
  (_, number) => {
    const prefix = String(number).padStart(prefixDigits, "0");
    return new Set(issuers.flatMap(([form, lengths]) => (form.test(prefix) ? lengths : [])));
  },
);

/**
 * ISO/IEC 7812-1, annex B, digit by digit: which of them count double is known when the last one
 * is.
 */
class Luhn {
  count = 0;
  #prefix = 0;
  #evenDoubled = 0;
  #oddDoubled = 0;

  add(digit: number): void {
    const doubled = digit > 4 ? digit * 2 - 9 : digit * 2;
    const isEven = this.count % 2 === 0;
    this.#evenDoubled += isEven ? doubled : digit;
    this.#oddDoubled += isEven ? digit : doubled;
    if (this.count < prefixDigits) this.#prefix = this.#prefix * 10 + digit;
    this.count += 1;
  }

  isCard(): boolean {
    const { count } = this;
    if (count < digitsMin || count > digitsMax) return false;
    const sum = count % 2 === 0 ? this.#evenDoubled : this.#oddDoubled;
    return sum % 10 === 0 && lengthsByPrefix[this.#prefix]?.has(count) === true;
  }
}

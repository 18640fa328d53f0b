import type { Recogniser, Span } from "./recogniser.ts";

/** A maximal run of digits with single separators of one sort; each character is looked at once. */
const runPattern = /(?<![\p{L}\p{N}_])\d+(?:([ -])\d+(?:\1\d+)*)?(?![\p{L}\p{N}_])/gu;
const digitsMin = 13;
const digitsMax = 19;

/** Payment cards: issuer prefix with its lengths, and the Luhn digit. A card may stand amid other numbers. */
export const card: Recogniser = {
  kind: "CARD",
  *find(text) {
    for (const run of text.matchAll(runPattern)) {
      if (run[0].length < digitsMin) continue;
      yield* cardsIn(groupsOf(run[0], run.index));
    }
  },
};

interface Group extends Span {
  readonly digits: string;
}

function groupsOf(run: string, offset: number): Group[] {
  return [...run.matchAll(/\d+/g)].map(({ 0: digits, index }) => {
    const start = offset + index;
    return { digits, start, end: start + digits.length };
  });
}

function* cardsIn(groups: readonly Group[]): Generator<Span> {
  let first = 0;
  while (first < groups.length) {
    const count = longestCard(groups, first);
    const last = groups[first + count - 1];
    if (count > 0 && last !== undefined)
      yield { start: (groups[first] as Group).start, end: last.end };
    first += Math.max(1, count);
  }
}

/** How many groups from `first` make the longest card; 0 for none. At most 19 are looked at. */
function longestCard(groups: readonly Group[], first: number): number {
  let digits = "";
  let best = 0;
  for (let at = first; at < groups.length; at += 1) {
    digits += (groups[at] as Group).digits;
    if (digits.length > digitsMax) break;
    if (digits.length >= digitsMin && hasIssuer(digits) && passesLuhn(digits))
      best = at - first + 1;
  }
  return best;
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
  [/^(?:50|5[6-9]|6[0-9])/, [13, 14, 15, 16, 17, 18, 19]],
];

function hasIssuer(digits: string): boolean {
  return issuers.some(
    ([prefix, lengths]) => lengths.includes(digits.length) && prefix.test(digits),
  );
}

/** ISO/IEC 7812-1, annex B. */
export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let at = 0; at < digits.length; at += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - at) - 48;
    const doubled = at % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

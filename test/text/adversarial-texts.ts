/**
 * Texts that are made to cost: what looks like personal data, again and again, in every
 * neighbourhood.
 */

import fc from "fast-check";
import { codePoint } from "../support/code-point.ts";

const digits = fc.stringMatching(/^\d{1,5}$/);
const separator = fc.constantFrom(
  "",
  " ",
  "  ",
  "-",
  ".",
  "/",
  "+",
  ",",
  ":",
  "\n",
  "\u00a0",
  "\u2011",
  "_",
  "(",
  ") ",
);

const numbers = fc
  .tuple(
    fc.constantFrom(
      "",
      "+",
      "00",
      "(+",
      "001 ",
      "+1 ",
      "+49 ",
      "phone ",
      "call ",
      "4111 ",
      "DE89 ",
      "1-",
      "(415) ",
    ),
    fc.array(fc.tuple(digits, separator), { minLength: 1, maxLength: 8 }),
  )
  .map(([begin, groups]) => begin + groups.flat().join(""));

/** What to repeat, and nothing else. */
export const seeds: readonly string[] = [
  "+12025550123",
  "+49 30 901820",
  "001 001 001 001 001 ",
  "+1 23 4 56 7 8 9 1 2 3 4 5 6 7 ",
  "00 1 2 3 4 5 6 7 8 9 1 2 3 4 ",
  "415-555-2671",
  "4111 1111 1111 1111",
  "4111-1111-1111-1112 ",
  "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 2 ",
  "DE89 3704 0044 0532 0130 00",
  "DE89 3704 0044 0532 0130 01 ",
  "GB82",
  "jane.doe@example.com",
  "a@b.de",
  "a@1.1.1.1.1.1.",
  "@",
  "a@",
  "10.1.2.3",
  "1.1.1.1.",
  "2001:db8::1",
  "a:b:c:",
  "::",
  "token=",
  "bearer ",
  "secret: q8Zt3LmP0vXw7RkB2nYs",
  "eyJaaaaaaaa.eyJaaaa.",
  `${"AKIA"}IOSFODNN7EXAMPLE`,
  `-----BEGIN ${"PRIVATE"} KEY-----`,
  `-----END ${"PRIVATE"} KEY-----`,
  `-----BEGIN ${"PRIVATE"} KEY-----! `,
  "https://example.com/?a=1&b=",
  "mailto:",
  "# ",
  "## a [b](c) ",
  "[a](",
  "[[[[",
  "![",
  "<a href=",
  "<<<<",
  "```\n",
  "~~~\n",
  "- a\n  - b\n",
  "| a | b |\n",
  "===\n",
  "> > > ",
  "*_*_",
  ". ",
  "! ",
  "a. 1 1 ",
  "\ufdfa",
  "\u3316",
  "\uff11\uff12",
  "e\u0301\u0302",
  "\u200d",
  "\u{1f469}\u200d",
  "\u4e00\u3002",
  " ",
  "\t",
  "\n",
  "x",
  "\u2028",
  "a-b.c/d_e'f:",
  "camelCaseCamelCase",
];

const pieces = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...seeds) },
  { weight: 3, arbitrary: numbers },
  { weight: 1, arbitrary: fc.string({ unit: codePoint, maxLength: 8 }) },
  { weight: 1, arbitrary: fc.stringMatching(/^[-+0-9 .()/@:a-f]{1,24}$/) },
);

/** A few pieces, over and over: what is slow about them adds up to `charsMax`. */
export function adversarialText(charsMax: number): fc.Arbitrary<string> {
  return fc
    .tuple(
      fc.array(pieces, { minLength: 1, maxLength: 4 }),
      fc.array(pieces, { minLength: 1, maxLength: 5 }),
      fc.constantFrom("", " ", "\n", "+", "-", "/"),
    )
    .map(([head, body, between]) => {
      const unit = body.join(between) + between;
      const start = head.join("");
      const times = Math.ceil(charsMax / Math.max(1, unit.length));
      return (start + unit.repeat(times)).slice(0, charsMax);
    });
}

/** Words that nobody has seen before: no memory of words helps. */
const alphabets = [
  "abcdefghijklmnopqrstuvwxyz",
  "aA1",
  "0123456789",
  "\u00e4\u00f6\u00fc\u00df",
  "\u0430\u0431\u0432\u0433",
  "\u4e00\u4e8c\u4e09",
  "ab_-.",
];

export interface EntropyText {
  readonly alphabet: string;
  /** Characters of a word; longer ones than the text make a single word. */
  readonly wordChars: number;
  readonly seed: number;
}

export const entropyText: fc.Arbitrary<EntropyText> = fc.record({
  alphabet: fc.constantFrom(...alphabets),
  wordChars: fc.constantFrom(1, 2, 5, 9, 30, 100, 1_000_000),
  seed: fc.nat(),
});

export function textOfEntropy({ alphabet, wordChars, seed }: EntropyText, chars: number): string {
  const letters = [...alphabet];
  let state = (seed % 2_147_483_646) + 1;
  let text = "";
  for (let at = 1; text.length < chars; at += 1) {
    state = (state * 48_271) % 2_147_483_647;
    text += at % (wordChars + 1) === 0 ? " " : letters[state % letters.length];
  }
  return text.slice(0, chars);
}

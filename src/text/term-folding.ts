/**
 * What two spellings of one word share: the text of a term with case kept, since camel case is cut
 * later. Only text with a character beyond ASCII comes here. Linear in the text.
 *
 *   TF1  forms that Unicode calls equivalent (NFC, NFD) or compatible (full and half width,
 *        ligatures, presentation forms, jamo) fold to one;
 *   TF2  marks go where readers leave them out: accents of European scripts, vowel signs of Arabic
 *        and Hebrew, the nukta of Indic scripts. Elsewhere a mark is part of the letter;
 *   TF3  digits of every script are the digits 0 to 9;
 *   TF4  a word with an umlaut, å or ø also stands as who has no such key types it: Müller is
 *        `muller` and `mueller`.
 */

/** Accents of European scripts; what joins letters or varies their shape and is not seen. */
const strippedPattern = /[\u0300-\u036f\u00ad\u200b\u200d\u2060\ufeff\ufe00-\ufe0f]/g;

/**
 * Scripts with rules of their own, and all that is beyond the basic plane, told by their range:
 * most texts have none of them, and one look at such a class is cheaper than the rules.
 */
const withRulesPattern = /[\u0590-\u1cff\ua620-\uabff\ud800-\udbff]/;

/** Letters that no decomposition takes apart, as they are typed on a keyboard without them. */
const letters: Readonly<Record<string, string>> = {
  ...{ ß: "ss", ẞ: "SS", æ: "ae", Æ: "AE", œ: "oe", Œ: "OE", ø: "o", Ø: "O", ł: "l", Ł: "L" },
  ...{ đ: "d", Đ: "D", ð: "d", Ð: "D", þ: "th", Þ: "TH", ħ: "h", Ħ: "H", ŧ: "t", Ŧ: "T" },
  ...{ ı: "i", ς: "σ", "\u02bc": "'", "\u2010": "-", "\u2011": "-" },
  // Alef with its signs, their seats; yeh, kaf, heh and teh marbuta, each written in several ways.
  ...{ "\u0649": "\u064a", "\u06cc": "\u064a", "\u06a9": "\u0643", "\u0629": "\u0647" },
  ...{ "\u06c1": "\u0647", "\u06d5": "\u0647", "\u06be": "\u0647", "\u0671": "\u0627" },
  ...{ "\u0622": "\u0627", "\u0623": "\u0627", "\u0625": "\u0627", "\u0624": "\u0648" },
  ...{ "\u0626": "\u064a", "\u06c0": "\u0647", "\u06c2": "\u0647" },
  // Candrabindu is anusvara where it is hard to print.
  ...{ "\u0901": "\u0902", "\u0981": "\u0982" },
  // Letters of one code point that are also written as a consonant with virama (and a joiner).
  ...{ "\u09ce": "\u09a4\u09cd", "\u0d7a": "\u0d23\u0d4d", "\u0d7b": "\u0d28\u0d4d" },
  ...{ "\u0d7c": "\u0d30\u0d4d", "\u0d7d": "\u0d32\u0d4d", "\u0d7e": "\u0d33\u0d4d" },
  ...{ "\u0d7f": "\u0d15\u0d4d" },
};
const letterPattern = new RegExp(`[${Object.keys(letters).join("")}]`, "g");

const vowelSigns = {
  hebrew: "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u05f3\u05f4",
  /** With tatweel, which only makes a word longer. */
  arabic:
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u08d3-\u08ff",
  nukta: "\u093c\u09bc\u0a3c\u0abc\u0b3c\u0cbc",
  ideographicVariations: "\u{e0100}-\u{e01ef}",
};
const vowelSignPattern = new RegExp(`[${Object.values(vowelSigns).join("")}]`, "gu");

/** An abbreviation's quotation mark, typed in ASCII. */
const gershayimPattern = /["'](?<=[\u05d0-\u05ea]["'])(?=[\u05d0-\u05ea])/g;
/** The Koran writes the madda of its first letter as a hamza of its own. */
const leadingHamzaPattern = /(?<!\p{L})\u0621(?=\u0627)/gu;
/** In Persian a non-joiner stands between parts of a word, in Indic scripts inside a letter. */
const indicNonJoinerPattern = /\u200c(?<=[\u0900-\u0dff]\u200c)/g;
const catalanPattern = /\u00b7(?<=[lL]\u00b7)(?=[lL])/g;
const foreignDigitPattern = /(?![0-9])\p{Nd}/gu;

/** Two capitals for one would be taken for the end of a word inside `Æther`. */
function spelled(table: Readonly<Record<string, string>>) {
  return (letter: string, at: number, text: string): string => {
    const typed = table[letter] ?? letter;
    if (typed.length === 1 || !/^[A-Z]/.test(typed)) return typed;
    return /^\p{Ll}/u.test(text.slice(at + 1, at + 3))
      ? typed.charAt(0) + typed.slice(1).toLowerCase()
      : typed;
  };
}

const digraphs: Readonly<Record<string, string>> = {
  ...{ ä: "ae", ö: "oe", ü: "ue", å: "aa", ø: "oe" },
  ...{ Ä: "AE", Ö: "OE", Ü: "UE", Å: "AA", Ø: "OE" },
};
const spelledOutPattern = /[äöüåøÄÖÜÅØ]/g;
const spelledOut = /[äöüåøÄÖÜÅØ]/;
/** A word and what joins words to one (lexical.ts), marks for letters that are not composed. */
const joinedWordPattern = /[\p{L}\p{N}\p{M}_'’.\-/:]+/gu;

/** TF4. Linear. */
export function withSpelledOut(text: string): string {
  const composed = text.normalize("NFC");
  if (!spelledOut.test(composed)) return composed;
  return composed.replace(joinedWordPattern, (word) =>
    spelledOut.test(word) ? `${word} ${word.replace(spelledOutPattern, spelled(digraphs))}` : word,
  );
}

export function foldForTerms(text: string): string {
  const plain = text.normalize("NFKD").replace(strippedPattern, "").normalize("NFC");
  const typed = plain.replace(letterPattern, spelled(letters)).replace(catalanPattern, "");
  return withRulesPattern.test(typed) ? foldScripts(typed) : typed;
}

function foldScripts(text: string): string {
  return text
    .replace(vowelSignPattern, "")
    .replace(leadingHamzaPattern, "")
    .replace(gershayimPattern, "")
    .replace(indicNonJoinerPattern, "")
    .replace(foreignDigitPattern, asciiDigit);
}

const digits = new Map<string, string>();

function asciiDigit(digit: string): string {
  const known = digits.get(digit);
  if (known !== undefined) return known;
  const value = String(digitValue(digit));
  digits.set(digit, value);
  return value;
}

const digitPattern = /^\p{Nd}$/u;

/** Unicode lays a script's ten digits side by side: its place says what a digit is worth. */
function digitValue(digit: string): number {
  const code = digit.codePointAt(0) ?? 0;
  let value = 0;
  while (value < 9 && digitPattern.test(String.fromCodePoint(code - value - 1))) value += 1;
  return value;
}

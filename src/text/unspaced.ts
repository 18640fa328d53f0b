/**
 * Scripts written without spaces (and Hangul, whose endings stick to the word): matched by pairs of
 * letters, each with its marks. Not by a dictionary (Intl.Segmenter): words of a dictionary change
 * with its version, and a term that the index has and the question lacks finds nothing.
 *
 *   US1  a run is of one script: 猫は and 猫が share 猫;
 *   US2  a run of one letter is a term, a longer one gives its pairs; so a word of two letters or
 *        more is found inside any run.
 */

const scripts = [
  ...["Han", "Hangul", "Hiragana", "Bopomofo", "Yi", "Nushu", "Tangut"],
  ...["Thai", "Lao", "Khmer", "Myanmar", "Tai_Le", "New_Tai_Lue", "Tai_Tham", "Tai_Viet"],
  ...["Javanese", "Balinese", "Sundanese", "Tibetan"],
];
const ofScripts = scripts.map((script) => `(?:\\p{Script=${script}}\\p{M}*)+`);
/** The mark that makes a vowel long belongs to no script. */
const katakana = "(?:[\\p{Script=Katakana}\\u30fc]\\p{M}*)+";
const runPattern = new RegExp([...ofScripts, katakana].join("|"), "gu");
const anyPattern = new RegExp(
  `[${scripts.map((script) => `\\p{Script=${script}}`).join("")}\\p{Script=Katakana}\\u30fc]`,
  "u",
);

/** A letter with its marks; the signs of Khmer, Burmese and Tai Tham that stack the next one. */
const letterPattern = /\P{M}(?:[\u17d2\u1039\u1a60]\p{L}|\p{M})*|\p{M}+/gu;

/** The words of a piece, with each run of such a script cut. */
export function splitUnspaced(piece: string): string[] {
  if (!anyPattern.test(piece)) return [piece];
  const words: string[] = [];
  let end = 0;
  for (const run of piece.matchAll(runPattern)) {
    if (run.index > end) words.push(piece.slice(end, run.index));
    for (const pair of pairs(run[0])) words.push(pair);
    end = run.index + run[0].length;
  }
  if (end < piece.length) words.push(piece.slice(end));
  return words;
}

function pairs(run: string): string[] {
  const letters = run.match(letterPattern) ?? [];
  if (letters.length <= 1) return [...letters];
  return letters.slice(1).map((letter, index) => `${letters[index]}${letter}`);
}

/** Words that a line of a PDF ends within: hyphens of the printer, and of the word. Pure. */

/** `state-of-the-`: a word with hyphens of its own is cut at one of them, which stays. */
const compoundCut = /(?<=\p{Ll}[-\u2010]\p{Ll}{1,30}\u00ad?)([-\u2010])\n(?=\p{Ll})/gu;
const compound = /(?<![\p{L}-])\p{Ll}{2,40}[-\u2010]\p{Ll}{2,40}(?![\p{L}-])/gu;
const cut =
  /(?<![\p{L}\p{N}])([\p{L}\p{N}]{1,60})(\u00ad?[-\u00ad\u2010])\n(?=([\p{L}\p{N}]{1,60}))/gu;
/** `Sail- and motor boats`, `Segel- und Motorboote`: the other half stands further on. */
const isAnotherWord = /^(?:and|und|oder|sowie|bzw|och|eller)$/;
/** Of an address: it has no hyphen that it does not need. */
const isAddress = /:\/\/|@|^www\./;
const addressCharsMax = 300;

/** As they stand within lines of the document: a hyphen that is written there is the word's. */
export function compoundsIn(lines: Iterable<string>): ReadonlySet<string> {
  const found = new Set<string>();
  for (const line of lines) {
    for (const [word] of line.matchAll(compound)) found.add(word.replace("\u2010", "-"));
  }
  return found;
}

/** A word that was cut at the end of a line is whole again. */
export function joinWords(text: string, compounds: ReadonlySet<string>): string {
  return text
    .replace(compoundCut, "$1")
    .replace(cut, (_written, ...found: readonly (string | number)[]) => {
      const [left, hyphen, right, offset] = found as [string, string, string, number];
      if (isAnotherWord.test(right)) return `${left}- `;
      const isOwn =
        !(/\p{Ll}$/u.test(left) && /^\p{Ll}/u.test(right)) ||
        compounds.has(`${left}-${right}`) ||
        isAddress.test(wordAt(text, offset));
      return isOwn && !hyphen.includes("\u00ad") ? left + hyphen : left;
    });
}

/** What stands before a place, from the last blank on. */
function wordAt(text: string, end: number): string {
  const before = text.slice(Math.max(0, end - addressCharsMax), end);
  return before.split(/\s/).at(-1) ?? "";
}

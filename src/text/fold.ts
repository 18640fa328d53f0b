/**
 * Text as recognisers see it, with the way back. A card number in full-width digits, or with a
 * zero-width space inside, is still one: matching happens on the folded text, replacing in the
 * original.
 */

export interface Folded {
  readonly text: string;
  /** Offset in the original of the character at each folded offset, and of the text's end. */
  readonly starts: Uint32Array | undefined;
}

const asciiOnly = /^[\0-\x7f]*$/;
const dropped = /^[\p{Cf}\p{Mn}\p{Variation_Selector}]$/u;
/**
 * Digits that compatibility folding leaves alone: Arabic-Indic, its Persian forms, the scripts of
 * India from Devanagari to Malayalam, Thai, Lao, Tibetan, Burmese, Khmer.
 */
const zeros = [
  ...[0x660, 0x6f0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66],
  ...[0xe50, 0xed0, 0xf20, 0x1040, 0x17e0],
];

/**
 * Longer forms are words (`ﷺ`, `㌖`) and hide no number; folded, a text of them would grow
 * eighteenfold.
 */
const foldedCharsMax = 4;
/**
 * Characters of the basic plane that were folded before: a text uses few of them again and again.
 */
const known = new Map<number, string>();

/** Linear. `starts` is undefined where nothing changed. */
export function fold(text: string): Folded {
  if (asciiOnly.test(text)) return { text, starts: undefined };
  const pieces: string[] = [];
  const starts = new Uint32Array(text.length * foldedCharsMax + 1);
  let count = 0;
  let plain = 0;
  let at = 0;
  while (at < text.length) {
    const code = text.codePointAt(at) ?? 0;
    const width = code > 0xffff ? 2 : 1;
    const folded = code < 0x80 ? undefined : foldCode(code);
    if (
      folded !== undefined &&
      (folded.length !== width || folded !== text.slice(at, at + width))
    ) {
      pieces.push(text.slice(plain, at), folded);
      plain = at + width;
    }
    const length = folded?.length ?? 1;
    for (let unit = 0; unit < length; unit += 1) starts[count + unit] = at;
    count += length;
    at += width;
  }
  pieces.push(text.slice(plain));
  starts[count] = text.length;
  return { text: pieces.join(""), starts: starts.slice(0, count + 1) };
}

function foldCode(code: number): string {
  const found = known.get(code);
  if (found !== undefined) return found;
  const character = String.fromCodePoint(code);
  const folded = foldCharacter(character);
  const short = folded.length > foldedCharsMax ? character : folded;
  if (code <= 0xffff) known.set(code, short);
  return short;
}

/** The span in the original; a character that folds to several is never torn. */
export function unfold(
  folded: Folded,
  span: { readonly start: number; readonly end: number },
): { readonly start: number; readonly end: number } {
  const { starts } = folded;
  if (starts === undefined) return span;
  const last = starts[span.end - 1] ?? 0;
  let next = span.end;
  while (next < starts.length - 1 && starts[next] === last) next += 1;
  return { start: starts[span.start] ?? 0, end: starts[next] ?? last };
}

function foldCharacter(character: string): string {
  if (dropped.test(character)) return "";
  const code = character.codePointAt(0) ?? 0;
  const zero = zeros.find((each) => code >= each && code < each + 10);
  if (zero !== undefined) return String(code - zero);
  if (character === "\u00a0" || character === "\u202f" || character === "\u2009") return " ";
  // Hyphens and dashes of every length, and the minus sign: numbers are grouped with all of them.
  if ((code >= 0x2010 && code <= 0x2015) || code === 0x2212) return "-";
  return character.normalize("NFKC");
}

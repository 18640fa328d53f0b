/**
 * Text as recognisers see it, with the way back. A card number in full-width digits, or with a
 * zero-width space inside, is still one: matching happens on the folded text, replacing in the original.
 */

export interface Folded {
  readonly text: string;
  /** Offset in the original of the character at each folded offset, and of the text's end. */
  readonly starts: Uint32Array | undefined;
}

const asciiOnly = /^[\0-\x7f]*$/;
const dropped = /^[\p{Cf}\p{Mn}\p{Variation_Selector}]$/u;
/** Digits that compatibility folding leaves alone: Arabic-Indic, its Persian forms, Devanagari, Bengali. */
const zeros = [0x660, 0x6f0, 0x966, 0x9e6];

/** Linear. `starts` is undefined where nothing changed. */
export function fold(text: string): Folded {
  if (asciiOnly.test(text)) return { text, starts: undefined };
  const pieces: string[] = [];
  const starts: number[] = [];
  let at = 0;
  for (const character of text) {
    const folded = foldCharacter(character);
    for (let unit = 0; unit < folded.length; unit += 1) starts.push(at);
    pieces.push(folded);
    at += character.length;
  }
  starts.push(text.length);
  return { text: pieces.join(""), starts: Uint32Array.from(starts) };
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
  if (character <= "\x7f") return character;
  if (dropped.test(character)) return "";
  const code = character.codePointAt(0) ?? 0;
  const zero = zeros.find((each) => code >= each && code < each + 10);
  if (zero !== undefined) return String(code - zero);
  if (character === "\u00a0" || character === "\u202f" || character === "\u2009") return " ";
  return character.normalize("NFKC");
}

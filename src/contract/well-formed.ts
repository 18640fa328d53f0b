/**
 * Texts that every vendor takes. A JavaScript string may hold half of a surrogate pair, which UTF-8
 * cannot say: one such key of one document made Weaviate refuse each page that it was in. So texts
 * are checked where they come in, and wherever one is cut afterwards it is cut here.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const controlPattern = /[\u0000-\u001f\u007f-\u009f]/;

/** Whether a name can be told to anybody: whole characters, and none that controls. */
export function isPlainName(name: string): boolean {
  return name.isWellFormed() && !controlPattern.test(name);
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/**
 * The longest cluster that is kept whole, UTF-16 units: a family of four with skin tones has 19.
 */
const graphemeCharsMax = 64;

/**
 * The beginning of a text, at most `charsMax` UTF-16 units: never half a character, and no letter
 * without its marks or emoji without its parts unless they are absurdly many.
 */
export function cutText(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  if (charsMax <= 0) return "";
  const from = Math.max(0, charsMax - graphemeCharsMax);
  const nearby = text.slice(from, charsMax + graphemeCharsMax);
  const whole = graphemes.segment(nearby).containing(charsMax - from)?.index ?? 0;
  const end = whole > 0 ? from + whole : charsMax;
  return text.slice(0, splitsPair(text, end) ? end - 1 : end);
}

/** Whether `index` lies between the two halves of a character. */
export function splitsPair(text: string, index: number): boolean {
  return isHigh(text.charCodeAt(index - 1)) && isLow(text.charCodeAt(index));
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

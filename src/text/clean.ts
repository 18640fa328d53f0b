/**
 * What no reader sees, no model should see: invisible characters smuggle instructions and split
 * words past redaction (OWASP, prompt injection). Visible text keeps its spelling.
 */

/**
 * C0 and C1 controls (but line feed and tab), soft hyphen, zero-width, bidi, annotation, tag and
 *    variation characters.
 */
const invisiblePattern =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  /[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]+/gu;

/**
 * Joiners carry meaning between letters of some scripts and in emoji; anywhere else they only hide
 * something.
 */
const strayJoinerPattern =
  /(?<![\u0590-\u1fff\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])[\u200c\u200d]+|[\u200c\u200d]+(?![\u0590-\u1fff\p{Extended_Pictographic}\p{Emoji_Modifier}])/gu;

const lineEndPattern = /\r\n|[\r\v\f\u0085\u2028\u2029]/g;
const blankLinesPattern = /\n{3,}/g;
/** Deeper than any indentation: a wall of spaces hides text below the fold and tells nothing. */
const longGapPattern = /(?<![ \t\u00a0\u2000-\u200a\u3000])[ \t\u00a0\u2000-\u200a\u3000]{65,}/g;

/**
 * Text as it is stored and shown: well-formed, without invisible characters, line ends as `\n`, at
 * most one blank line in a row. Linear; cleaning twice changes nothing more.
 */
export function cleanText(text: string): string {
  return text
    .toWellFormed()
    .replace(invisiblePattern, "")
    .replace(strayJoinerPattern, "")
    .replace(lineEndPattern, "\n")
    .replace(longGapPattern, (gap) => gap.slice(0, 64))
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
    .replace(blankLinesPattern, "\n\n");
}

/** The same for a title or a value: one line. */
export function cleanLine(text: string): string {
  return cleanText(text).replaceAll("\n", " ").trim();
}

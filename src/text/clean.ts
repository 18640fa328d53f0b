/**
 * What no reader sees, no model should see: invisible characters smuggle instructions and split
 * words past redaction (OWASP, prompt injection). Visible text keeps its spelling.
 */

import { withoutTerminalSigns } from "../contract/terminal-text.ts";

/**
 * C0 and C1 controls (but line feed and tab), soft hyphen, zero-width, bidi, annotation characters,
 * and what else is reserved for characters that are never seen.
 */
const invisiblePattern =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  /[\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e001f}\u{e0080}-\u{e00ff}\u{e01f0}-\u{e0fff}]+/gu;

/**
 * Tags spell the region of a flag (Scotland, Texas), three to six of them and an end, behind a
 * black flag. Anywhere else they spell what only a model reads.
 */
const strayTagPattern =
  /(?<flag>\u{1f3f4}[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{3,6}\u{e007f})|[\u{e0020}-\u{e007f}]+/gu;

/**
 * A variation selector chooses between two forms of the sign before it: text or emoji, two ways to
 * write an ideograph, a symbol of mathematics. One is enough; a row of them, or one behind a letter
 * that has no forms, carries something else.
 */
const strayVariationPattern =
  /(?<kept>[\p{Emoji}--[0-9#*]][\ufe0e\ufe0f]|[0-9#*]\ufe0f(?=\u20e3)|[\p{Script=Han}\p{Sm}\p{Script=Mongolian}\p{Script=Phags_Pa}\p{Script=Myanmar}\u3000-\u303f\uff01-\uff60][\ufe00-\ufe0d]|\p{Script=Han}[\u{e0100}-\u{e01ef}])|[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]+/gv;

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
 * Text as it is stored and shown: well-formed, without invisible characters and the colours of a
 * terminal (the sign alone gone, `[31m` would be a word), line ends as `\n`, at most one blank line
 * in a row. Linear; cleaning twice changes nothing more.
 */
export function cleanText(text: string): string {
  return withoutTerminalSigns(text)
    .toWellFormed()
    .replace(invisiblePattern, "")
    .replace(strayTagPattern, "$<flag>")
    .replace(strayVariationPattern, "$<kept>")
    .replace(strayJoinerPattern, "")
    .replace(lineEndPattern, "\n")
    .replace(longGapPattern, (gap) => gap.slice(0, 64))
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
    .replace(blankLinesPattern, "\n\n");
}

/** Visible ASCII with single blanks between: nothing of all that is in it. */
const plainLinePattern = /^[!-~]+(?: [!-~]+)*$/;

/**
 * The same for a title or a value: one line, and the letters of NFC. `é` in one code point or in
 * two looks the same, and which one it is depends on who typed it: a filter knows one.
 */
export function cleanLine(text: string): string {
  if (plainLinePattern.test(text)) return text;
  return cleanText(text).replaceAll("\n", " ").trim().normalize("NFC");
}

/** The lines of a text, and what stands above its Markdown. */

export interface Line {
  readonly start: number;
  /** Without the line end. */
  readonly end: number;
  /** As much of it as patterns may see. */
  readonly markup: string;
  /** Without what it stands in, where that is known. */
  readonly content: string;
  readonly isBlank: boolean;
  /** Too long to be markup itself. */
  readonly isLong: boolean;
}

/** No heading, fence or row of marks is longer; patterns with a tail never see more than this. */
const markupCharsMax = 1_000;

export function splitLines(text: string): Line[] {
  const lines: Line[] = [];
  let start = 0;
  while (start <= text.length) {
    const feed = text.indexOf("\n", start);
    const next = feed === -1 ? text.length : feed;
    const end = next > start && text[next - 1] === "\r" ? next - 1 : next;
    const markup = text.slice(start, Math.min(end, start + markupCharsMax));
    const isLong = end - start > markupCharsMax;
    lines.push({ start, end, markup, content: "", isLong, isBlank: !isLong && isBlank(markup) });
    start = next + 1;
  }
  return lines;
}

/** Most lines say so with their first character. */
function isBlank(markup: string): boolean {
  return markup === "" || (markup.charCodeAt(0) <= 32 && markup.trim() === "");
}

const topRule = /^---[ \t]*$/;
const topEnd = /^(?:---|\.\.\.)[ \t]*$/;
/** `key: value`, what belongs to a key, a remark: anything else is text. */
const fieldLine = /^(?:[\w.-]+:(?:\s|$)|"[^"]+":|\s+\S|-\s|#|$)/;
const topLinesMax = 200;

/**
 * How many lines at the beginning are front matter: to Markdown they would be a rule and a heading.
 */
export function topMatterLines(lines: readonly Line[]): number {
  const [first, second] = lines;
  if (first === undefined || !topRule.test(first.markup) || second?.isBlank === true) return 0;
  const end = lines.findIndex(
    ({ markup }, index) => index > 0 && (topEnd.test(markup) || !fieldLine.test(markup)),
  );
  const isClosed = end > 1 && end < topLinesMax && topEnd.test(lines[end]?.markup ?? "");
  return isClosed ? end + 1 : 0;
}

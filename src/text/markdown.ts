/** As much Markdown as cutting needs: where headings, code, list items and paragraphs begin. */

export type Block =
  | {
      readonly kind: "heading";
      readonly start: number;
      readonly end: number;
      readonly level: number;
      /** Without markup. */
      readonly title: string;
    }
  | { readonly kind: "code" | "prose"; readonly start: number; readonly end: number };

interface Line {
  readonly start: number;
  /** Without the line feed. */
  readonly end: number;
  /** Empty for a line too long to be markup; `blank` tells it from a blank one. */
  readonly markup: string;
  readonly blank: boolean;
}

/** No heading, fence or list marker is longer; patterns with a tail never see more than this. */
const markupCharsMax = 1_000;

const headingPattern = /^ {0,3}(#{1,6})[ \t]+(\S.*)$/;
const underlinePattern = /^ {0,3}(=+|-{2,})[ \t]*$/;
const fencePattern = /^ {0,3}(`{3,}|~{3,})/;
const listItemPattern = /^[ \t]{0,12}(?:[-*+]|\d{1,9}[.)])[ \t]/;
const tableRowPattern = /^ {0,3}\|/;

/**
 * Blocks in order, without overlaps, together covering all that is not blank. Linear in the text.
 */
export function parseBlocks(text: string): Block[] {
  const lines = splitLines(text);
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] as Line;
    if (line.blank) {
      at += 1;
      continue;
    }
    const count =
      headingAt(lines, at, blocks) ?? codeAt(lines, at, blocks) ?? proseAt(lines, at, blocks);
    at += count;
  }
  return blocks;
}

/** Each reader below appends the block at `at` and returns how many lines it took, or undefined. */
function headingAt(lines: readonly Line[], at: number, blocks: Block[]): number | undefined {
  const line = lines[at] as Line;
  const { start } = line;
  const hashes = headingPattern.exec(line.markup);
  if (hashes !== null) {
    const level = hashes[1]?.length ?? 1;
    blocks.push({
      kind: "heading",
      start,
      end: line.end,
      level,
      title: plainTitle(hashes[2] ?? ""),
    });
    return 1;
  }
  const next = lines[at + 1];
  if (next === undefined || line.markup === "" || beginsBlock(line.markup)) return undefined;
  const underline = underlinePattern.exec(next.markup);
  if (underline === null) return undefined;
  const level = underline[1]?.startsWith("=") === true ? 1 : 2;
  blocks.push({ kind: "heading", start, end: next.end, level, title: plainTitle(line.markup) });
  return 2;
}

function codeAt(lines: readonly Line[], at: number, blocks: Block[]): number | undefined {
  const first = lines[at] as Line;
  const fence = fencePattern.exec(first.markup)?.[1];
  if (fence === undefined) return undefined;
  let last = at;
  while (last + 1 < lines.length) {
    last += 1;
    const closing = (lines[last] as Line).markup.trim();
    if (closing.startsWith(fence) && closing === fence[0]?.repeat(closing.length)) break;
  }
  blocks.push({ kind: "code", start: first.start, end: (lines[last] as Line).end });
  return last - at + 1;
}

function proseAt(lines: readonly Line[], at: number, blocks: Block[]): number {
  let last = at;
  while (last + 1 < lines.length) {
    const next = lines[last + 1] as Line;
    if (next.blank || beginsBlock(next.markup)) break;
    last += 1;
  }
  blocks.push({ kind: "prose", start: (lines[at] as Line).start, end: (lines[last] as Line).end });
  return last - at + 1;
}

function beginsBlock(markup: string): boolean {
  return (
    headingPattern.test(markup) ||
    fencePattern.test(markup) ||
    listItemPattern.test(markup) ||
    tableRowPattern.test(markup)
  );
}

function splitLines(text: string): Line[] {
  const lines: Line[] = [];
  let start = 0;
  while (start <= text.length) {
    const feed = text.indexOf("\n", start);
    const end = feed === -1 ? text.length : feed;
    const markup = end - start > markupCharsMax ? "" : text.slice(start, end);
    lines.push({
      start,
      end,
      markup,
      blank: end - start <= markupCharsMax && markup.trim() === "",
    });
    start = end + 1;
  }
  return lines;
}

/**
 * No class below holds what opens its pattern: a title of nothing but brackets is gone through
 * once.
 */
function plainTitle(markup: string): string {
  return withoutClosingHashes(markup)
    .replace(/!?\[([^[\]]*)\]\([^()]*\)/g, "$1")
    .replace(/<[^<>]*>/g, "")
    .replace(/[*`]+/g, "")
    .replace(/\s+/g, " ")
    .trim();
}

/**
 * `Title ##`: by hand, because a pattern that ends at the end tries each run of blanks and hashes
 * again.
 */
function withoutClosingHashes(markup: string): string {
  const title = markup.trimEnd();
  let end = title.length;
  while (title[end - 1] === "#") end -= 1;
  const isClosing = end < title.length && (title[end - 1] === " " || title[end - 1] === "\t");
  return isClosing ? title.slice(0, end) : title;
}

/** The title of the first heading that has one: what a text without a title is called. */
export function firstHeading(text: string): string | undefined {
  for (const block of parseBlocks(text)) {
    if (block.kind === "heading" && block.title !== "") return block.title;
  }
  return undefined;
}

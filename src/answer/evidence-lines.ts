/**
 * Lines that are sentences of their own, though no full stop says so: headings, rows of tables,
 * code, and records (logs, CSV, `name: value`). All other line feeds are hand-wrapped prose. Pure.
 *
 *   EH1  a line feed between two lines of prose ends nothing;
 *   EH2  the work is linear in the text: of each line at most `lookedAtChars` are looked at.
 */

export type LineKind = "heading" | "row" | "code" | "record" | "prose";

export interface TextLine {
  readonly kind: LineKind;
  readonly start: number;
  /** Before its line feed. */
  readonly end: number;
  /** Of a heading: 1 for `#`. */
  readonly level?: number | undefined;
  /** Of a row: the line with the names of its columns, where the text holds it. */
  readonly header?: TextLine | undefined;
}

/** @param text as a source holds it, with its Markdown */
export function linesOf(text: string): readonly TextLine[] {
  if (!text.includes("\n")) return [lineOf(text, { start: 0, end: text.length })];
  const raw = rawLines(text);
  const kinds: (LineKind | undefined)[] = raw.map(() => undefined);
  readFences(raw, kinds);
  for (const [from, to] of paragraphsOf(raw, kinds))
    readParagraph(raw.slice(from, to), kinds, from);
  let header: TextLine | undefined;
  return raw.map(({ text: own, start, end }, index) => {
    const kind = kinds[index] ?? "prose";
    if (kind === "heading") {
      header = undefined;
      return { kind, start, end, level: levelOf(own) };
    }
    const line: TextLine = kind === "row" ? { kind, start, end, header } : { kind, start, end };
    if (kind !== "row") header = undefined;
    else if (isDelimiter(raw[index + 1]?.text)) header = line;
    return line;
  });
}

interface RawLine {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** What a line is shows at its beginning. */
const lookedAtChars = 400;

function rawLines(text: string): readonly RawLine[] {
  const lines: RawLine[] = [];
  let start = 0;
  while (start <= text.length) {
    const at = text.indexOf("\n", start);
    const end = at === -1 ? text.length : at;
    lines.push({ text: text.slice(start, Math.min(end, start + lookedAtChars)), start, end });
    start = end + 1;
  }
  return lines;
}

function lineOf(text: string, place: Pick<RawLine, "start" | "end">): TextLine {
  if (!heading.test(text)) return { kind: "prose", ...place };
  return { kind: "heading", ...place, level: levelOf(text) };
}

const levelOf = (line: string): number => /#{1,6}/.exec(line)?.[0].length ?? 1;

const fence = /^[ \t]*(?:```|~~~)/;
const heading = /^ {0,3}#{1,6}[ \t]/;

/** An odd fence closes what began before the passage, or opens what ends behind it. */
function readFences(lines: readonly RawLine[], kinds: (LineKind | undefined)[]): void {
  let isOpen = false;
  for (const [index, { text }] of lines.entries()) {
    if (fence.test(text)) isOpen = !isOpen;
    if (isOpen || fence.test(text)) kinds[index] = "code";
    else if (heading.test(text)) kinds[index] = "heading";
  }
}

/** Runs of lines that are not blank and of no kind yet. */
function paragraphsOf(
  lines: readonly RawLine[],
  kinds: readonly (LineKind | undefined)[],
): readonly (readonly [number, number])[] {
  const found: [number, number][] = [];
  let from: number | undefined;
  for (const [index, { text }] of lines.entries()) {
    const isPart = kinds[index] === undefined && text.trim() !== "";
    if (isPart) from ??= index;
    else if (from !== undefined) {
      found.push([from, index]);
      from = undefined;
    }
  }
  if (from !== undefined) found.push([from, lines.length]);
  return found;
}

function readParagraph(
  lines: readonly RawLine[],
  kinds: (LineKind | undefined)[],
  from: number,
): void {
  const isTable = lines.some(({ text }) => isDelimiter(text));
  const isCode = looksLikeCode(lines);
  const signs = lines.map(({ text }) => signsOf(text));
  for (const [index, { text }] of lines.entries()) {
    if (isRow(text, isTable)) kinds[from + index] = "row";
    else if (isCode) kinds[from + index] = "code";
    else if (isOfARow(signs, index)) kinds[from + index] = "record";
  }
}

function isDelimiter(line: string | undefined): boolean {
  return line?.includes("|") === true && line.includes("-") && /^[ \t|:-]+$/.test(line);
}

function isRow(line: string, isTable: boolean): boolean {
  return line.includes("|") && (isTable || /^[ \t]*\|.*\|[ \t]*$/.test(line));
}

const codeEnd = /(?:[;{}]|\)\s*:)\s*$/;

/** Without fences, as a file of code is. Prose ends a line like that now and then, not mostly. */
function looksLikeCode(lines: readonly RawLine[]): boolean {
  const ended = lines.filter(({ text }) => codeEnd.test(text)).length;
  if (ended >= 2 && ended * 2 >= lines.length) return true;
  const opens = lines.findIndex(({ text }) => /^[ \t]*\S.*[:{(]\s*$/.test(text));
  const next = lines[opens + 1]?.text;
  // An item of a list below the line that introduces it is indented, too.
  return (
    opens !== -1 && next !== undefined && /^(?: {4}|\t)[ \t]*(?![-*+•]|\d{1,3}[.)])\S/.test(next)
  );
}

/** `name: value`, `**Name:** value`, not a sentence that says something and more after a colon. */
const label =
  /^[ \t]*["'*_]{0,3}[\p{L}\p{N}][\p{L}\p{M}\p{N} _./()-]{0,40}["'*]{0,3}[ \t]?[:=：][*_]{0,3}(?:[ \t]|$)/u;
const time = /^[ \t]*[[(<]?\d{1,4}[-/:.]\d{1,2}[-/:.T ]?\d/;
/** Not that of `1,284`. */
const comma = /(?<!\d),(?=\S)|(?<=\d),(?=\S)(?!\d{3}(?!\d))/g;

/** What a record shares with the one before or after it. */
function signsOf(line: string): readonly string[] {
  const signs: string[] = [];
  if (label.test(line)) signs.push("label");
  if (time.test(line)) signs.push("time");
  const tabs = line.trim().split("\t").length - 1;
  if (tabs > 0) signs.push(`tabs ${tabs}`);
  const semicolons = line.match(/;(?=\S)/g)?.length ?? 0;
  if (semicolons > 0) signs.push(`semicolons ${semicolons}`);
  const commas = line.match(comma)?.length ?? 0;
  if (commas > 0 && !line.includes(", ")) signs.push(`commas ${commas}`);
  return signs;
}

function isOfARow(signs: readonly (readonly string[])[], index: number): boolean {
  const own = signs[index] ?? [];
  const around = [...(signs[index - 1] ?? []), ...(signs[index + 1] ?? [])];
  return own.some((sign) => around.includes(sign));
}

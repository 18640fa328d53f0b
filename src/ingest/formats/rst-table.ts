/**
 * Tables of reStructuredText as rows of cells. One that is drawn is read by the places of its
 * signs; what a cell holds beside text (lists, paragraphs) becomes one line. A cell that reaches
 * down is said in each of its rows, as those of AsciiDoc are.
 */

import { separatedRows } from "./csv.ts";
import { tableText } from "./table-text.ts";

const columnsMax = 100;
/** Rows by columns of a table with rules, where a line of one letter is a row of all columns. */
const cellsMax = 1_000_000;
/** What is longer is said once: a text that each of its rows repeats would grow without end. */
const repeatedCharsMax = 100;

interface Rows {
  readonly rows: readonly (readonly string[])[];
  readonly headerRows: number;
}

/** As Markdown, and how many lines it took. */
export interface DrawnTable {
  readonly text: string;
  readonly lines: number;
}

const gridBorder = /^\s*\+(?:[-=]+\+)+$/;
const gridLine = /^\s*[+|].*[+|]$/s;
const simpleBorder = /^\s*=+(?:[ \t]+=+)+$/;
const simpleSpans = /^\s*-+(?:[ \t]+-+)*$/;

/** A table that begins at a line. What is not understood of one stays as it is written. */
export function drawnTable(lines: readonly string[], from: number): DrawnTable | undefined {
  const first = lines[from] ?? "";
  const isGrid = gridBorder.test(first);
  if (!isGrid && !simpleBorder.test(first)) return undefined;
  const end = isGrid ? gridEnd(lines, from) : simpleEnd(lines, from);
  if (end === undefined) return undefined;
  const indent = indentOf(first);
  const written = lines.slice(from, end);
  const drawn = written.map((line) => inColumns(line).slice(indent));
  const rows = isGrid ? gridRows(drawn) : simpleRows(drawn);
  return { text: rows === undefined ? written.join("\n") : textOf(rows), lines: end - from };
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** `list-table`: an item a row, and in it an item a cell. Undefined where it is no such list. */
export function listTable(
  body: readonly string[],
  options: ReadonlyMap<string, string>,
): string | undefined {
  const rows: string[][] = [];
  let cellIndent = 0;
  for (const line of body) {
    const [found, before = "", rest = ""] = /^([*+-][ \t]+)[*+-](?:[ \t](.*))?$/s.exec(line) ?? [];
    const row = rows.at(-1);
    if (found !== undefined) {
      cellIndent = before.length;
      rows.push([rest]);
    } else if (row === undefined) {
      if (line.trim() !== "") return undefined;
    } else if (isCell(line, cellIndent)) row.push(line.slice(cellIndent + 1).trim());
    else row.push(`${row.pop() ?? ""} ${line.trim()}`);
  }
  if (rows.length === 0) return undefined;
  return textOf({ rows: rows.map(cellsSaid), headerRows: headerRowsIn(options) });
}

function isCell(line: string, indent: number): boolean {
  return line.slice(0, indent).trim() === "" && /^[*+-](?:[ \t]|$)/.test(line.slice(indent));
}

/** What the tables of Linux say of spans. */
function cellsSaid(cells: readonly string[]): readonly string[] {
  return cells.map((cell) => cell.replace(/:[cr]span:`\d{1,4}`/g, ""));
}

const delimiters: Readonly<Record<string, string>> = { tab: "\t", space: " " };

/** `csv-table`: the names of the columns stand among its options, or in its first rows. */
export function csvTable(
  body: readonly string[],
  options: ReadonlyMap<string, string>,
): string | undefined {
  const said = options.get("delim") ?? ",";
  const delimiter = delimiters[said] ?? said.charAt(0);
  const header = separatedRows(options.get("header") ?? "", delimiter) ?? [];
  // A blank before a quotation is none of the field.
  const rows = separatedRows(body.map((line) => line.trimStart()).join("\n"), delimiter);
  if (rows === undefined || rows.length === 0) return undefined;
  const headerRows = header.length + headerRowsIn(options);
  return textOf({ rows: [...header, ...rows], headerRows });
}

function headerRowsIn(options: ReadonlyMap<string, string>): number {
  return /^\d{1,2}$/.test(options.get("header-rows") ?? "")
    ? Number(options.get("header-rows"))
    : 0;
}

/** Names over several rows are one name: `Price` above `Summer` is `Price Summer`. */
function textOf({ rows, headerRows }: Rows): string {
  const above = rows.slice(0, headerRows);
  const below = rows.slice(headerRows);
  if (above.length === 0 || below.length === 0) {
    return tableText(rows.map((cells) => ({ cells, isHeader: false })));
  }
  const width = above.reduce((most, cells) => Math.max(most, cells.length), 0);
  const names = Array.from({ length: width }, (_, column) => {
    const said = above.map((cells) => (cells[column] ?? "").trim());
    return [...new Set(said)].filter((name) => name !== "").join(" ");
  });
  return tableText([
    { cells: names, isHeader: true },
    ...below.map((cells) => ({ cells, isHeader: false })),
  ]);
}

/** Stands behind each letter that takes two places, so that places are those of the drawing. */
const filler = "\uFFFF";
const wide =
  /[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Hang}\uFF01-\uFF60\p{Emoji_Presentation}]/gu;

function inColumns(line: string): string {
  return withoutTabs(line).replace(wide, (letter) =>
    letter.length === 2 ? letter : `${letter}${filler}`,
  );
}

/** A tab goes on to the next place of eight. */
function withoutTabs(line: string): string {
  if (!line.includes("\t")) return line;
  const said: string[] = [];
  let width = 0;
  for (const piece of line.split("\t")) {
    const blanks = said.length === 0 ? 0 : 8 - (width % 8);
    said.push(" ".repeat(blanks), piece);
    width += blanks + piece.length;
  }
  return said.join("");
}

function withoutFiller(text: string): string {
  return text.replaceAll(filler, "").trim();
}

function gridEnd(lines: readonly string[], from: number): number {
  let end = from + 1;
  while (end < lines.length && gridLine.test(lines[end] ?? "")) end += 1;
  return end;
}

/** A cell that is not closed yet: what it says, and in which rows. */
interface OpenCell {
  readonly texts: string[];
  readonly places: { readonly row: string[]; readonly at: number }[];
}

/** @param lines from the left border on */
function gridRows(lines: readonly string[]): Rows | undefined {
  const edges = edgesOf(lines);
  const isWhole = lines.every((line) => line.length === lines[0]?.length);
  const isClosed = lines.length > 2 && gridBorder.test(lines.at(-1) ?? "");
  if (edges.length > columnsMax + 1 || !isWhole || !isClosed) return undefined;
  const open: (OpenCell | undefined)[] = [];
  const rows: string[][] = [];
  let headerRows = 0;
  let band: string[] = [];
  for (const line of lines) {
    const ruled = edges.slice(0, -1).map((edge, at) => isRule(line.slice(edge + 1, edges[at + 1])));
    band.push(line);
    if (!ruled.includes(true)) continue;
    const isFirst = band.length === 1 && rows.length === 0;
    if (!isFirst) rows.push(bandRow({ band, edges, open, ruled }));
    if (/^\+[=+]+\+$/.test(line)) headerRows = rows.length;
    band = [];
  }
  for (const cell of open) if (cell !== undefined) closeCell(cell);
  return { rows, headerRows };
}

/** Where any border has a corner. */
function edgesOf(lines: readonly string[]): readonly number[] {
  const edges = new Set<number>();
  for (const line of lines) {
    if (!/\+[-=]+\+/.test(line)) continue;
    for (const { index, 0: border } of line.matchAll(/\+(?:[-=]+\+)+/g)) {
      for (let at = 0; at < border.length; at += 1) if (border[at] === "+") edges.add(index + at);
    }
  }
  return [...edges].toSorted((one, other) => one - other);
}

function isRule(segment: string): boolean {
  return /^[-=+]+$/.test(segment);
}

/**
 * The cells above a border that is drawn below some or all of them. Those that it does not close
 * go on in the next row.
 */
function bandRow(given: {
  readonly band: readonly string[];
  readonly edges: readonly number[];
  readonly open: (OpenCell | undefined)[];
  readonly ruled: readonly boolean[];
}): string[] {
  const { band, edges, open, ruled } = given;
  const inner = band.slice(0, -1);
  const row: string[] = [];
  for (let column = 0; column < edges.length - 1; ) {
    let next = column + 1;
    while (next < edges.length - 1 && inner.some((line) => !isWall(line[edges[next] ?? 0]))) {
      next += 1;
    }
    const isRuled = ruled[column] === true;
    const start = (edges[column] ?? 0) + 1;
    const cell = open[column] ?? { texts: [], places: [] };
    for (const line of isRuled ? inner : band) {
      cell.texts.push(withoutFiller(line.slice(start, edges[next])));
    }
    cell.places.push({ row, at: row.length });
    for (let beside = column; beside < next; beside += 1) row.push("");
    open[column] = isRuled ? undefined : cell;
    if (isRuled) closeCell(cell);
    column = next;
  }
  return row;
}

/** A long one is said in its first row alone. */
function closeCell({ texts, places }: OpenCell): void {
  const text = texts.filter((each) => each !== "").join(" ");
  const said = text.length > repeatedCharsMax ? places.slice(0, 1) : places;
  for (const { row, at } of said) row[at] = text;
}

function isWall(sign: string | undefined): boolean {
  return sign === "|" || sign === "+";
}

/** Its last border: the second after the first, or one before a blank line. */
function simpleEnd(lines: readonly string[], from: number): number | undefined {
  let borders = 0;
  for (let at = from + 1; at < lines.length; at += 1) {
    if (!simpleBorder.test(lines[at] ?? "")) continue;
    borders += 1;
    if (borders === 2 || (lines[at + 1] ?? "") === "") return at + 1;
  }
  return undefined;
}

interface Column {
  readonly start: number;
  readonly end: number;
}

/** @param lines from the first column on */
function simpleRows(lines: readonly string[]): Rows | undefined {
  const [border = "", ...others] = lines;
  const columns = columnsOf(border);
  if (columns.length > columnsMax || columns.length * lines.length > cellsMax) return undefined;
  const rows: string[][] = [];
  let headerRows = 0;
  let open: string[] = [];
  const close = (spans: readonly Column[]): void => {
    if (open.length > 0) rows.push(simpleRow(open, columns, spans));
    open = [];
  };
  for (const line of others) {
    if (simpleBorder.test(line) || simpleSpans.test(line)) {
      close(columnsOf(line));
      if (line.startsWith("=") && headerRows === 0) headerRows = rows.length;
    } else if (line.trim() !== "") {
      // A line that says nothing in the first column goes on with the row above it.
      if (line.slice(0, columns[0]?.end).trim() !== "") close(columns);
      open.push(line);
    }
  }
  return rows.length === 0
    ? undefined
    : { rows, headerRows: headerRows === rows.length ? 0 : headerRows };
}

function columnsOf(border: string): readonly Column[] {
  return Array.from(border.matchAll(/[-=]+/g), ({ 0: sign, index }) => ({
    start: index,
    end: index + sign.length,
  }));
}

/** A row whose cells are as wide as the line below it says, and the last as its text is. */
function simpleRow(
  lines: readonly string[],
  columns: readonly Column[],
  spans: readonly Column[],
): string[] {
  const starts = new Set(spans.map(({ start }) => start));
  const row: string[] = [];
  for (const [at, { start }] of columns.entries()) {
    if (at > 0 && !starts.has(start) && spans.length > 0) {
      row.push("");
      continue;
    }
    let next = at + 1;
    while (next < columns.length && !starts.has(columns[next]?.start ?? 0)) next += 1;
    const end = columns[next]?.start;
    const said = lines.map((line) => withoutFiller(line.slice(start, end)));
    // A backslash is how an empty first cell is written.
    row.push(said.filter((text) => text !== "" && text !== "\\").join(" "));
  }
  return row;
}

/**
 * Tables of AsciiDoc as Markdown, whether a row is a line or a cell is: both are usual. A cell that
 * spans others is said once beside columns, and again in each row that it reaches. What is not
 * understood (tables within tables) stays as it is written.
 */

import { separatedRows } from "./csv.ts";
import { tableText } from "./table-text.ts";

/** What may stand right before the sign of a cell: a span or repetition, alignment, style. */
const cellMark =
  /(?:(?<=^|\s)((?:\d+|\.\d+|\d+\.\d+)[+*])?(?:[<^>]|\.[<^>]){0,2}[adehlmsv]?)?(?<!\\)\|/g;
const columnsMax = 100;
const rowsMax = 10_000;
/** Six letters may stand for a hundred cells: a larger table stays as it is written. */
const cellsMax = 500_000;
/** What is longer is said once: a text that each of its rows repeats would grow without end. */
const repeatedCharsMax = 100;

interface Cell {
  readonly text: string;
  readonly columns: number;
  readonly rows: number;
}

/** @param attributes the line of attributes above the table, if there is one */
export function tableLines(lines: readonly string[], attributes: string): readonly string[] {
  const filled = lines.filter((line) => line.trim() !== "");
  const cells = cellsOf(filled.join("\n"));
  const first = cellsOf(filled[0] ?? "");
  const width = columnsIn(attributes) ?? widthOf(first ?? []);
  const rows = cells === undefined || width < 2 ? undefined : rowsOf(cells, width);
  if (rows === undefined) return filled;
  const start = lines.findIndex((line) => line.trim() !== "");
  const isOneLine = first !== undefined && widthOf(first) === width;
  const isApart = isOneLine && start >= 0 && lines[start + 1]?.trim() === "";
  return [withHeader(rows, isHeaderNamed(attributes) || isApart)];
}

/** `,===`, `;===`, `:===`, or a format among the attributes: a line is a row, as in CSV. */
export function separatedTableLines(
  lines: readonly string[],
  { attributes, delimiter }: { readonly attributes: string; readonly delimiter: string },
): readonly string[] {
  const rows = separatedRows(lines.join("\n"), delimiter) ?? [];
  const hasHeader = isHeaderNamed(attributes) || lines[1]?.trim() === "";
  return rows.length === 0 ? lines : [withHeader(rows, hasHeader)];
}

/** Of a table whose attributes say that it is written in another way than between pipes. */
export function delimiterIn(attributes: string): string | undefined {
  const format = /\bformat="?(csv|tsv|dsv)\b/.exec(attributes)?.[1];
  const separator = /\bseparator="?([;:,!¦])/.exec(attributes)?.[1];
  if (format === undefined) return undefined;
  return separator ?? { csv: ",", tsv: "\t", dsv: ":" }[format];
}

function isHeaderNamed(attributes: string): boolean {
  return /%header\b|[=",]\s{0,3}header\b/.test(attributes);
}

function withHeader(rows: readonly (readonly string[])[], hasHeader: boolean): string {
  const isTable = rows.length > 1 && hasHeader;
  return tableText(rows.map((cells, at) => ({ cells, isHeader: isTable && at === 0 })));
}

function widthOf(cells: readonly Cell[]): number {
  return cells.reduce((sum, { columns }) => sum + columns, 0);
}

/** Undefined where the cells do not fill rows of that width. */
function rowsOf(cells: readonly Cell[], width: number): readonly (readonly string[])[] | undefined {
  const rows: string[][] = [];
  /** Of each column: what reaches down into the next rows, and how many. */
  const above: { readonly text: string; left: number }[] = [];
  let row: string[] = [];
  const fill = (): void => {
    for (let each = above[row.length]; (each?.left ?? 0) > 0; each = above[row.length]) {
      if (each === undefined) return;
      each.left -= 1;
      row.push(each.text);
    }
  };
  for (const { text, columns, rows: down } of cells) {
    fill();
    if (row.length === width) {
      rows.push(row);
      row = [];
      fill();
    }
    if (row.length + columns > width || rows.length > rowsMax) return undefined;
    for (let at = 0; at < columns; at += 1) {
      const said = at === 0 ? text : "";
      const again = said.length > repeatedCharsMax ? "" : said;
      above[row.length] = { text: again, left: down - 1 };
      row.push(said);
    }
  }
  fill();
  if (row.length !== width) return undefined;
  return [...rows, row];
}

/** Undefined where text stands before the first one. */
function cellsOf(text: string): readonly Cell[] | undefined {
  const marks: RegExpExecArray[] = [];
  for (const mark of text.matchAll(cellMark)) {
    marks.push(mark);
    if (marks.length > cellsMax) return undefined;
  }
  const [first] = marks;
  if (first === undefined || text.slice(0, first.index).trim() !== "") return undefined;
  const cells: Cell[] = [];
  for (const [at, { 0: mark, 1: span = "", index }] of marks.entries()) {
    const said = text
      .slice(index + mark.length, marks[at + 1]?.index)
      .replaceAll("\\|", "|")
      .trim();
    const [columns = 1, rows = 1] = span
      .slice(0, -1)
      .split(".")
      .map((each) => Number(each) || 1);
    if (columns > columnsMax || rows > rowsMax) return undefined;
    if (span.endsWith("*") && said.length > repeatedCharsMax) return undefined;
    if (cells.length > cellsMax) return undefined;
    const times = span.endsWith("*") ? columns : 1;
    const isSpan = span.endsWith("+");
    for (let time = 0; time < times; time += 1) {
      cells.push({ text: said, columns: isSpan ? columns : 1, rows: isSpan ? rows : 1 });
    }
  }
  return cells;
}

/** `cols="1,2"`, `cols="3*"`, `cols=3`: how many there are. Without quotes a comma ends it. */
function columnsIn(attributes: string): number | undefined {
  const [, quoted, bare] = /\bcols=(?:"([^"\]]+)|([^",\]]+))/.exec(attributes) ?? [];
  const said = quoted ?? bare;
  if (said === undefined) return undefined;
  if (/^\s*\d{1,3}\s*$/.test(said)) return Math.min(Number(said), columnsMax);
  const count = said
    .split(/[,;]/)
    .reduce((sum, column) => sum + Number(/^\s*(\d+)\*/.exec(column)?.[1] ?? 1), 0);
  return count <= columnsMax ? count : undefined;
}

/**
 * Tables of AsciiDoc as Markdown, whether a row is a line or a cell is: both are usual. What is not
 * understood (spans, tables within tables) stays as it is written.
 */

import { tableText } from "./table-text.ts";

/** What may stand right before the sign of a cell: a span or repetition, alignment, style. */
const cellMark =
  /(?:(?<=^|\s)((?:\d+|\.\d+|\d+\.\d+)[+*])?(?:[<^>]|\.[<^>]){0,2}[adehlmsv]?)?(?<!\\)\|/g;
const columnsMax = 100;

/** @param attributes the line of attributes above the table, if there is one */
export function tableLines(lines: readonly string[], attributes: string): readonly string[] {
  const filled = lines.filter((line) => line.trim() !== "");
  const cells = cellsOf(filled.join("\n"));
  const width = columnsIn(attributes) ?? cellsOf(filled[0] ?? "")?.length ?? 0;
  if (cells === undefined || width < 2 || cells.length % width !== 0) return filled;
  const first = lines.findIndex((line) => line.trim() !== "");
  const isNamed = /%header\b|[=",]\s{0,3}header\b/.test(attributes);
  const isOneLine = cellsOf(filled[0] ?? "")?.length === width;
  const hasHeader = isNamed || (isOneLine && first >= 0 && lines[first + 1]?.trim() === "");
  const rows = Array.from({ length: cells.length / width }, (_, row) =>
    cells.slice(row * width, (row + 1) * width),
  );
  const isTable = rows.length > 1 && hasHeader;
  return [tableText(rows.map((each, at) => ({ cells: each, isHeader: isTable && at === 0 })))];
}

/** Undefined where cells span others, or text stands before the first one. */
function cellsOf(text: string): readonly string[] | undefined {
  const marks = [...text.matchAll(cellMark)];
  const [first] = marks;
  if (first === undefined || text.slice(0, first.index).trim() !== "") return undefined;
  if (marks.some(([, span]) => span !== undefined)) return undefined;
  return marks.map(({ 0: mark, index }, at) =>
    text
      .slice(index + mark.length, marks[at + 1]?.index)
      .replaceAll("\\|", "|")
      .trim(),
  );
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

/** Tables of a page: which ones hold data, and which only place things. */

import { type TableRow, tableText } from "../table-text.ts";
import type { Blocks } from "./blocks.ts";

export interface Cell {
  readonly isHeader: boolean;
  /** Shown below all others, wherever it is written: before HTML 5 that was above them. */
  readonly isFooter: boolean;
  readonly columns: number;
  readonly rows: number;
  readonly content: Blocks;
}

export interface OpenTable {
  readonly rows: Cell[][];
  /** Something in it that no table of data holds: another table, a heading, code. */
  isLayout: boolean;
}

/** Longer or more cells are a page that is laid out as a table. */
const cellCharsMax = 1_000;
const cellBlocksMax = 4;
/** Spans beyond these are mistakes or attacks. */
const spanMax = 50;
const spannedCellsMax = 5_000;

/** A table's blocks: one with its rows, or those of its cells one after the other. */
export function tableBlocks({ rows: written, isLayout }: OpenTable): readonly string[] {
  const rows = asShown(written);
  const filled = rows.map((cells) => cells.map((cell) => ({ ...cell, blocks: blocksOf(cell) })));
  const cells = filled.flat();
  const isLong = ({ blocks }: { blocks: readonly string[] }) =>
    blocks.length > cellBlocksMax ||
    blocks.reduce((sum, { length }) => sum + length, 0) > cellCharsMax;
  const hasHeader = cells.some(({ isHeader }) => isHeader);
  const isColumn = !hasHeader && filled.every(({ length }) => length <= 1);
  if (isLayout || isColumn || cells.some(isLong)) return cells.flatMap(({ blocks }) => blocks);
  const spreadRows = spread(filled).filter(({ cells }) => cells.some((cell) => cell !== ""));
  const text = tableText(withOneHeader(spreadRows));
  return text === "" ? [] : [text];
}

function asShown(rows: readonly Cell[][]): readonly Cell[][] {
  const isFooter = (cells: readonly Cell[]) => cells.some((cell) => cell.isFooter);
  return [...rows.filter((cells) => !isFooter(cells)), ...rows.filter(isFooter)];
}

function blocksOf({ content }: Cell): readonly string[] {
  return content.finish();
}

interface FilledCell extends Cell {
  readonly blocks: readonly string[];
}

/** A cell over several rows or columns is said in each of them: rows are found one by one. */
function spread(rows: readonly (readonly FilledCell[])[]): TableRow[] {
  let spare = spannedCellsMax;
  const pending: { text: string; rows: number }[] = [];
  return rows.map((cells, at) => {
    const texts: string[] = [];
    const isGroup = at > 0 && cells.length === 1;
    const takePending = () => {
      for (let above = pending[texts.length]; above !== undefined && above.rows > 0; ) {
        above.rows -= 1;
        texts.push(above.text);
        above = pending[texts.length];
      }
    };
    for (const cell of cells) {
      takePending();
      const text = cell.blocks
        .map((block) => block.replace(/^ *- /, "").replace(/\n {0,20}- /g, "; "))
        .join("; ");
      const columns = Math.min(cell.columns, spanMax, spare + 1);
      spare -= columns - 1;
      for (let column = 0; column < columns; column += 1) {
        pending[texts.length] = { text, rows: Math.min(cell.rows - 1, spanMax) };
        // A title over all columns is said once, also that of a group of rows.
        texts.push(column > 0 && (isGroup || !cell.isHeader) ? "" : text);
      }
    }
    takePending();
    const isHeader = cells.length > 0 && !isGroup && cells.every((cell) => cell.isHeader);
    return { cells: texts, isHeader };
  });
}

/** Names over names: `Price` above `Adult` and `Child` is `Price Adult` and `Price Child`. */
function withOneHeader(rows: readonly TableRow[]): readonly TableRow[] {
  const body = rows.findIndex(({ isHeader }) => !isHeader);
  const headers = body === -1 ? [] : rows.slice(0, body);
  const [first] = headers;
  if (first === undefined || headers.length === 1) return rows;
  const width = headers.reduce((most, { cells }) => Math.max(most, cells.length), 0);
  const names = Array.from({ length: width }, (_, column) => {
    const above = headers.map(({ cells }) => cells[column] ?? "").filter((name) => name !== "");
    return [...new Set(above)].join(" ");
  });
  return [{ cells: names, isHeader: true }, ...rows.slice(body)];
}

/**
 * The names of the columns of a table that began in an earlier passage: its rows here have them in
 * the heading of the passage (text/units.ts) and nowhere in its text. Pure.
 */

import { cellsOf } from "../text/markdown-leaves.ts";
import type { TextLine } from "./evidence-lines.ts";

export interface ColumnsAbove {
  /** As a row. */
  readonly text: string;
  readonly rows: ReadonlySet<TextLine>;
}

/** Undefined where the passage does not begin with rows that have just as many cells. */
export function columnsAbove(
  { text, heading = "" }: { readonly text: string; readonly heading?: string | undefined },
  lines: readonly TextLine[],
): ColumnsAbove | undefined {
  const names = heading
    .slice(heading.lastIndexOf(" > ") + 1)
    .replace(/^> /, "")
    .split(" | ");
  if (names.length < 2) return undefined;
  const end = lines.findIndex(({ kind, header }) => kind !== "row" || header !== undefined);
  // Of an overlap the first row may be the end of one.
  const rows = lines
    .slice(0, end === -1 ? lines.length : end)
    .filter((line) => cellsOf(text.slice(line.start, line.end)).length === names.length);
  return rows.length === 0 ? undefined : { text: `| ${names.join(" | ")} |`, rows: new Set(rows) };
}

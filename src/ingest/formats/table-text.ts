/** A table as Markdown, the form that keeps its cells apart and its columns named. */

export interface TableRow {
  readonly cells: readonly string[];
  /** It names the columns. */
  readonly isHeader: boolean;
}

/**
 * A row a line. Columns have names when the first row is a header; chunks of the table then keep
 * them as context.
 */
export function tableText(rows: readonly TableRow[]): string {
  const width = rows.reduce((most, { cells }) => Math.max(most, cells.length), 0);
  const [first, ...others] = rows;
  if (first === undefined || width === 0) return "";
  const header = first.isHeader ? [rowText(first.cells), `|${" --- |".repeat(width)}`] : [];
  const body = first.isHeader ? others : rows;
  return [...header, ...body.map(({ cells }) => rowText(cells))].join("\n");
}

/** A pipe within a cell would be two cells. */
function rowText(cells: readonly string[]): string {
  return `| ${cells.map((cell) => oneLine(cell).replaceAll("|", "\\|")).join(" | ")} |`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** A bench's rows as a table for people and as JSON for programs. */

import { ratioOf } from "./stats.ts";
import { targetOf, verdictOf } from "./targets.ts";

export interface Row {
  readonly name: string;
  /** Null when the row could not be measured; `note` says why. */
  readonly value: number | null;
  readonly unit: string;
  /** The reference's value in the same unit and run; null where there is none. */
  readonly against: number | null;
  /** `value / against`. */
  readonly ratio: number | null;
  /** Of the samples behind `value`, in its unit. Of a rate, p99 is what 99 % of the samples reach. */
  readonly p50: number | null;
  readonly p99: number | null;
  /** Number of samples. */
  readonly n: number;
  readonly note?: string | undefined;
}

export interface BenchResult {
  /** Threads, op counts, sizes: whatever the figures depend on. */
  readonly settings: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
}

export interface Report extends BenchResult {
  readonly bench: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly versions: Readonly<Record<string, string>>;
}

/** A row that was measured; the ratio follows from the two values. */
export function measured(row: Omit<Row, "ratio" | "against"> & { against?: number | null }): Row {
  const { against = null, ...rest } = row;
  return { ...rest, against, ratio: row.value === null ? null : ratioOf(row.value, against) };
}

/** A row that could not be measured here. */
export function skipped(name: string, unit: string, why: string): Row {
  const nothing = { value: null, against: null, ratio: null, p50: null, p99: null, n: 0 };
  return { name, unit, ...nothing, note: `skipped: ${why}` };
}

/** The JSON that `--json` writes: the report, each row with its target and verdict beside it. */
export function reportJson(report: Report): string {
  const rows = report.rows.map((row) => {
    const target = targetOf(row.name);
    const wanted = target === undefined ? null : `${target.direction} ${target.bound}`;
    return { ...row, target: wanted, verdict: verdictOf(row) };
  });
  return `${JSON.stringify({ ...report, rows }, null, 2)}\n`;
}

const columns = ["row", "value", "against", "ratio", "target", "", "p50", "p99", "n"];

export function reportText(report: Report): string {
  const facts = { ...report.machine, ...report.versions, ...report.settings };
  const width = Math.max(...Object.keys(facts).map((name) => name.length));
  const head = Object.entries(facts).map(([name, fact]) => `${name.padEnd(width)}  ${fact}`);
  const notes = report.rows.flatMap(({ name, note }) =>
    note === undefined ? [] : [`  ${name}: ${note}`],
  );
  const table = formatTable([columns, ...report.rows.map(cells)]);
  return [
    `bench ${report.bench}`,
    ...head,
    "",
    ...table,
    ...(notes.length > 0 ? [""] : []),
    ...notes,
  ]
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

const marks = { met: "ok", missed: "MISSED", skipped: "skipped", "no target": "" } as const;

function cells(row: Row): string[] {
  const target = targetOf(row.name);
  const sign = target?.direction === "at least" ? ">=" : "<=";
  return [
    row.name,
    row.value === null ? "-" : `${short(row.value)} ${row.unit}`,
    short(row.against),
    short(row.ratio),
    target === undefined ? "" : `${sign} ${target.bound}`,
    marks[verdictOf(row)],
    short(row.p50),
    short(row.p99),
    String(row.n),
  ];
}

/** Three digits are more than a bench on a shared machine can promise. */
function short(value: number | null): string {
  if (value === null || Number.isNaN(value)) return "-";
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

function formatTable(rows: readonly (readonly string[])[]): string[] {
  const widths = columns.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 || column === 5 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  "),
  );
}

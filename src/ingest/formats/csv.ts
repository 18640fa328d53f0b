/**
 * Tables in text files: a row becomes a paragraph that names its columns, so that each chunk can be
 * read without the first line of the file.
 */

import { type Options, parse } from "csv-parse/sync";
import { type Converted, Unreadable } from "./convert.ts";

const delimiters = [",", ";", "\t", "|"];
/** What is looked at to find the delimiter. */
const sampleChars = 64 * 1024;
const recordCharsMax = 1_000_000;

export function csvDocument(source: string, given?: string): Converted {
  // Excel's way to say which one it is.
  const said = /^\ufeff?sep=(.)\r?\n/i.exec(source);
  const text = said === null ? source : source.slice(said[0].length);
  const all = readRows(text, given ?? said?.[1] ?? delimiterOf(text));
  const start = tableStart(all);
  const [first, ...others] = all.slice(start);
  if (first === undefined) throw new Unreadable("empty");
  const names = hasHeader(first, others) ? columnNames(first) : undefined;
  const above = all.slice(0, start).map((cells) => rowText(cells, undefined));
  // Exports of many pages say it on each.
  const data = others.filter((cells) => first.length === 1 || !isSameRow(cells, first));
  const rows = (names === undefined ? [first, ...others] : data)
    .map((cells) => rowText(cells, names))
    .filter((row) => row !== "");
  if (rows.length === 0) throw new Unreadable("empty");
  return {
    text: [...above, ...rows].join("\n\n"),
    metadata: { rows: rows.length, ...(names === undefined ? {} : columnsOf(names)) },
  };
}

/** Above many tables stands what they are about: in one column, or a name beside its value. */
function tableStart(rows: readonly (readonly string[])[]): number {
  const filled = rows.slice(0, sampleRows).map((cells) => cells.filter(isFilled).length);
  const start = filled.findIndex((count) => count > 1);
  const below = filled.slice(start + 1);
  const isTable = below.length > 0 && below.every((count) => count > 1);
  if (start < 0 || !isTable) return 0;
  const wide = filled.findIndex((count) => count > 2);
  const isBelowPairs = wide > start && filled.slice(start, wide).every((count) => count === 2);
  if (!isBelowPairs) return start;
  const [names = [], ...others] = rows.slice(wide);
  const isWide = filled.slice(wide).every((count) => count > 2);
  return isWide && names.every((name) => !isNumber(name)) && isOverNumbers(names, others)
    ? wide
    : start;
}

const sampleRows = 20;

function isFilled(cell: string): boolean {
  return cell !== "";
}

/** How marks of quotation are written within quotations: doubled, or as C has them. */
type Escape = '"' | "\\";

/**
 * A quotation mark that never ends is a letter like others, and so are all then. Databases and
 * programs of C write `\"` in a quotation, where others double the mark.
 */
function readRows(text: string, delimiter: string): readonly (readonly string[])[] {
  const escapes: readonly Escape[] = backslashed.test(text) ? ["\\", '"'] : ['"'];
  for (const escape of escapes) {
    try {
      return parseRows(text, delimiter, escape);
    } catch {
      // The next one, or none.
    }
  }
  return parseRows(text, delimiter, null);
}

/** Rows of a table within another text; undefined where its quotation marks do not end. */
export function separatedRows(
  text: string,
  delimiter: string,
): readonly (readonly string[])[] | undefined {
  try {
    return parseRows(text, delimiter, '"');
  } catch {
    return undefined;
  }
}

/** Not at the end of a field: there it is a backslash, such as that of a folder. */
const backslashed = /[^\\]\\"(?!\s*(?:[,;\t|\r\n]|$))/;

function parseRows(
  text: string,
  delimiter: string,
  escape: Escape | null,
): readonly (readonly string[])[] {
  return withoutTraces(() => parse(text, optionsFor(delimiter, escape)));
}

/**
 * The library makes an error of each row of another length than the first, also where they are
 * allowed, and to trace one takes longer than to read some dozens of rows.
 */
function withoutTraces<T>(read: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return read();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function optionsFor(delimiter: string, escape: Escape | null): Options {
  return {
    delimiter,
    quote: escape === null ? null : '"',
    ...(escape === null ? {} : { escape }),
    bom: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    skip_records_with_empty_values: true,
    trim: true,
    // Where marks of quotation count, one that never ends would take the rest of the file.
    ...(escape === null ? {} : { max_record_size: recordCharsMax }),
  };
}

/**
 * A field in quotation marks, over however many lines; not the inches of `5" wide`. A tab is what
 * it stands behind, and no blank before it: else each of a row of tabs would be tried to the last.
 */
const quotedField = /(?<=^|[,;\t|\r\n]) {0,8}"(?:[^"]|"")*"(?=[ \t]{0,8}(?:[,;\t|\r\n]|$))/g;

/** The one that cuts the first lines into the most columns that are the same for all of them. */
function delimiterOf(text: string): string {
  const lines = text
    .slice(0, sampleChars)
    .replace(quotedField, "")
    .split(/\r?\n|\r/)
    .slice(0, 20);
  const complete = lines.filter((line) => line.trim() !== "").slice(0, 10);
  const score = (delimiter: string): number => {
    const counts = complete.map((line) => line.split(delimiter).length - 1);
    const scores = counts.map((count) => {
      const same = counts.filter((other) => other === count).length;
      return count * (same / counts.length);
    });
    return scores.reduce((most, each) => Math.max(most, each), 0);
  };
  return delimiters.reduce((best, each) => (score(each) > score(best) ? each : best));
}

function isSameRow(row: readonly string[], other: readonly string[]): boolean {
  return row.length === other.length && row.every((cell, at) => cell === other[at]);
}

/** A first row of words: above a column of numbers, or distinct ones that are no values below. */
function hasHeader(first: readonly string[], others: readonly (readonly string[])[]): boolean {
  const names = first.filter((cell) => cell !== "");
  const isNamed = names.length >= first.length / 2;
  if (others.length === 0 || !isNamed) return false;
  if (isOverYears(first, others)) return true;
  const isWords = names.every((name) => name.length <= nameCharsMax && !isNumber(name));
  if (!isWords) return false;
  if (isOverNumbers(first, others)) return true;
  const sample = below(first, others);
  // What stands in a column as a value as well is no name of it.
  const isValue = sample.some((row) => row.some((cell, at) => cell !== "" && cell === first[at]));
  return new Set(names).size === names.length && !isValue;
}

function isOverNumbers(first: readonly string[], others: readonly (readonly string[])[]): boolean {
  const sample = below(first, others);
  return first.some((_, column) => sample.every((row) => isNumber(row[column] ?? "")));
}

/** A header that is repeated further down stays one. */
function below(
  first: readonly string[],
  others: readonly (readonly string[])[],
): readonly (readonly string[])[] {
  return others.slice(0, sampleRows).filter((row) => !isSameRow(row, first));
}

/**
 * `Region, 2022, 2023`: a first column of words, and years in steps, with other numbers below. A
 * row of data has no such row of years, and years as data stand in the rows below as well.
 */
function isOverYears(first: readonly string[], others: readonly (readonly string[])[]): boolean {
  const columns = first.flatMap((cell, column) => (yearCell.test(cell) ? [column] : []));
  const years = columns.map((column) => Number(first[column]));
  const step = (years[1] ?? 0) - (years[0] ?? 0);
  const isInSteps =
    years.length > 1 &&
    step !== 0 &&
    years.every((year, index) => year === (years[0] ?? 0) + step * index);
  if (!isInSteps || isNumber(first[0] ?? "")) return false;
  const data = others
    .slice(0, sampleRows)
    .flatMap((row) => columns.map((column) => row[column] ?? ""));
  return data.some(isNumber) && !data.every((cell) => yearCell.test(cell));
}

const yearCell = /^(?:19|20)\d{2}$/;
const nameCharsMax = 100;

function isNumber(cell: string): boolean {
  return /^[-+\d.,%€$£\s]+$/.test(cell) && /\d/.test(cell);
}

function columnNames(cells: readonly string[]): readonly string[] {
  return cells.map((cell) => oneLine(cell).replace(/[:：]$/, ""));
}

/** So that programs of tables keep the zeros of `01234`, it is written as what they compute. */
const keptAsText = /^="([^"]*)"$/;

function rowText(cells: readonly string[], names: readonly string[] | undefined): string {
  return cells
    .map((cell, column) => {
      const value = oneLine(cell.replace(keptAsText, "$1"));
      const name = names?.[column] ?? "";
      return value === "" || name === "" ? value : `${name}: ${value}`;
    })
    .filter((cell) => cell !== "")
    .join("; ");
}

/** So many as a list in metadata may have. */
const columnsMax = 32;

function columnsOf(names: readonly string[]): { columns: readonly string[] } {
  return { columns: names.filter((name) => name !== "").slice(0, columnsMax) };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

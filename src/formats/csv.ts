/**
 * Tables in text files: a row becomes a paragraph that names its columns, so that each chunk can be
 * read without the first line of the file.
 */

import { parse } from "csv-parse/sync";
import { type Converted, Unreadable } from "./convert.ts";

const delimiters = [",", ";", "\t", "|"];
/** What is looked at to find the delimiter. */
const sampleChars = 64 * 1024;
const recordCharsMax = 1_000_000;

export function csvDocument(text: string, given?: string): Converted {
  const rows = readRows(text, given ?? delimiterOf(text));
  const [first, ...others] = rows;
  if (first === undefined) throw new Unreadable("empty");
  const names = hasHeader(first, others) ? columnNames(first) : undefined;
  const shown = names === undefined ? rows : others;
  const paragraphs = shown.map((cells) => rowText(cells, names)).filter((row) => row !== "");
  if (paragraphs.length === 0) throw new Unreadable("empty");
  return {
    text: paragraphs.join("\n\n"),
    metadata: { rows: paragraphs.length, ...(names === undefined ? {} : columnsOf(names)) },
  };
}

function readRows(text: string, delimiter: string): readonly (readonly string[])[] {
  return parse(text, {
    delimiter,
    bom: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    skip_records_with_empty_values: true,
    trim: true,
    max_record_size: recordCharsMax,
  });
}

/** The one that cuts the first lines into the most columns that are the same for all of them. */
function delimiterOf(text: string): string {
  const lines = text
    .slice(0, sampleChars)
    .split(/\r?\n|\r/)
    .slice(0, 20);
  const complete = lines.filter((line) => line.trim() !== "").slice(0, 10);
  const score = (delimiter: string): number => {
    const counts = complete.map((line) => line.replace(/"[^"]*"/g, "").split(delimiter).length - 1);
    const [first = 0] = counts;
    const same = counts.filter((count) => count === first).length;
    return first * (same / Math.max(1, counts.length));
  };
  return delimiters.reduce((best, each) => (score(each) > score(best) ? each : best));
}

/** A first row of distinct words, above rows of which some hold something else. */
function hasHeader(first: readonly string[], others: readonly (readonly string[])[]): boolean {
  const names = first.filter((cell) => cell !== "");
  const isNamed = names.length >= first.length / 2 && new Set(names).size === names.length;
  const isWords = names.every((name) => name.length <= 100 && !/^[-+\d.,%€$£\s]+$/.test(name));
  return others.length > 0 && isNamed && isWords;
}

function columnNames(cells: readonly string[]): readonly string[] {
  return cells.map((cell) => oneLine(cell).replace(/[:：]$/, ""));
}

function rowText(cells: readonly string[], names: readonly string[] | undefined): string {
  return cells
    .map((cell, column) => {
      const value = oneLine(cell);
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

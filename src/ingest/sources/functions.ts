/**
 * What Freshet adds to JSONata: functions that every mapping of rows needs, in plain code, because
 * a lambda for each column would cost most of a mapping's time. Pure.
 */

import { limits } from "../../contract/limits.ts";
import { cutText } from "../../contract/well-formed.ts";

export type Row = Readonly<Record<string, unknown>>;

export const isRow = (value: unknown): value is Row =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const namesIn = (list: unknown): readonly string[] =>
  typeof list === "string"
    ? list.split(",").flatMap((name) => (name.trim() === "" ? [] : [name.trim()]))
    : [];

export const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || value === "";

/** A value as a reader sees it; objects as JSON. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

/** `$lines(row)`: `name: value` for each column that has one; `$lines(row, "a,b")`: only these. */
function lines(row: unknown, names?: unknown): string | undefined {
  if (!isRow(row)) return isEmpty(row) ? undefined : textOf(row);
  const wanted = names === undefined ? Object.keys(row) : namesIn(names);
  const found = wanted.filter((name) => !name.startsWith("__") && !isEmpty(row[name]));
  return found.map((name) => `${name}: ${textOf(row[name])}`).join("\n");
}

/** `$texts(row, "a,b")`: the values of these columns, a paragraph each. */
function texts(row: unknown, names: unknown): string | undefined {
  if (!isRow(row)) return undefined;
  const found = namesIn(names).flatMap((name) => (isEmpty(row[name]) ? [] : [textOf(row[name])]));
  return found.length === 0 ? undefined : found.join("\n\n");
}

/**
 * `$scalars(row, "a,b")`: these columns as metadata, without those that metadata cannot hold. A
 * text that is too long is cut, as that of a file: one column must not cost the row.
 */
function scalars(row: unknown, names: unknown): Row | undefined {
  if (!isRow(row)) return undefined;
  return Object.fromEntries(
    namesIn(names).flatMap((name) => {
      const value = row[name];
      const held = Array.isArray(value) ? listHeld(value) : scalarHeld(value);
      return held === undefined ? [] : [[name, held]];
    }),
  );
}

/** Undefined for what is in no list of metadata: all of it, or none. */
function listHeld(values: readonly unknown[]): readonly unknown[] | undefined {
  const held = values.slice(0, limits.metadataListMax).map(scalarHeld);
  return held.includes(undefined) ? undefined : held;
}

function scalarHeld(value: unknown): string | number | boolean | undefined {
  if (typeof value === "string") return cutText(value, limits.metadataValueCharsMax);
  if (typeof value === "boolean") return value;
  return typeof value === "number" && Math.abs(value) <= Number.MAX_SAFE_INTEGER
    ? value
    : undefined;
}

/** `$unwrap(value)`: the payload of Kafka Connect's `{schema, payload}`; all else as it is. */
export function unwrap(value: unknown): unknown {
  const isEnvelope = isRow(value) && "schema" in value && "payload" in value;
  return isEnvelope ? value["payload"] : value;
}

/**
 * `$keyOf(value)`: a key as one text; of several columns their values, with commas between. A comma
 * within one of several values stands behind a backslash: `1,2` and `3` are another row than `1`
 * and `2,3`.
 */
export function keyOf(value: unknown): string | undefined {
  if (isEmpty(value)) return undefined;
  if (!isRow(value)) return textOf(value);
  const parts = Object.values(value).map((part) => (isEmpty(part) ? "" : textOf(part)));
  if (parts.every((part) => part === "")) return undefined;
  return parts.length === 1 ? parts[0] : parts.map(withoutBareCommas).join(",");
}

const withoutBareCommas = (part: string): string => part.replace(/[\\,]/g, "\\$&");

/** `$columns(row, "a,b")`: the row with these columns only. */
export function columns(row: unknown, names: unknown): Row | undefined {
  if (!isRow(row)) return undefined;
  return Object.fromEntries(namesIn(names).map((name) => [name, row[name]]));
}

/** `$cut(text, n)`: at most n characters, never half of one. */
function cut(text: unknown, charsMax: unknown): string | undefined {
  if (typeof text !== "string" || typeof charsMax !== "number") return undefined;
  return cutText(text, charsMax);
}

/**
 * `$document(fields, row, options)`: these fields and the row's text, title and metadata, by the
 * columns that the options name; without them all columns are the text, and the title is that of
 * the fields. In one step, because each step of an expression costs as much as all of this.
 */
export function document(fields: unknown, row: unknown, options: unknown): Row {
  const { title, ...given } = isRow(fields) ? fields : {};
  const wanted = isRow(options) ? options : {};
  const text = isRow(row) && wanted["text"] !== undefined ? texts(row, wanted["text"]) : lines(row);
  const column = wanted["title"];
  const titled = isRow(row) ? (column === undefined ? title : row[String(column)]) : undefined;
  const added = wanted["metadata"] === undefined ? undefined : scalars(row, wanted["metadata"]);
  const base = isRow(given["metadata"]) ? given["metadata"] : undefined;
  return {
    ...given,
    ...(text === undefined ? {} : { text }),
    ...(isEmpty(titled) ? {} : { title: cutText(textOf(titled), limits.titleCharsMax) }),
    ...(base === undefined && added === undefined ? {} : { metadata: { ...base, ...added } }),
  };
}

export const mapperFunctions = {
  ...{ lines, texts, scalars, unwrap, keyOf, columns, cut, document },
} as const;

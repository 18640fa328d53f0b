/**
 * `$changed($, $options)` and `$keyed($, $options)`: from an event to its operation, for Debezium's
 * changes and for streams of keys and values. Pure; whole presets in plain code, because each step
 * of an expression costs as much as all of this.
 */

import { change, isUnavailable } from "./change.ts";
import {
  columns,
  document,
  isEmpty,
  isRow,
  keyOf,
  namesIn,
  type Row,
  unwrap,
} from "./functions.ts";

const noKeyOfRow = "no key: name its columns with --set id=column";
const noKeyOfValue =
  "no key: name its header with --key-header, or its columns with --set id=column";
const unchangedValue =
  "a long value that did not change is left out: set REPLICA IDENTITY FULL, or name other columns";
const withoutKey = { op: "skip", reason: "tombstone without a key" };
const bucketMark = "$KV";

/** @throws Error for a change that does not say which row it is of, or what stands in it */
export function changed(event: unknown, options: unknown): Row {
  const { body, key, subject } = rowOr(event);
  const wanted = rowOr(options);
  const { op, row, key: rowKey, from, table, at } = change(body, key, wanted["id"]);
  if (op !== "upsert" && op !== "delete") return { op: "skip", reason: op };
  if (isEmpty(rowKey)) {
    if (op === "delete" && isEmpty(body)) return withoutKey;
    throw new Error(noKeyOfRow);
  }
  const id = `${firstOf(wanted["prefix"], from, tokensOf(subject).at(-1))}/${rowKey}`;
  if (op === "delete") return { op, id };
  if (lacksValue(row, wanted)) throw new Error(unchangedValue);
  return document({ id, timestamp: at, metadata: { table } }, row, options);
}

/** @throws Error for a value without a key */
export function keyed(event: unknown, options: unknown): Row {
  const { body, key, subject, headers, publishedAt } = rowOr(event);
  const wanted = rowOr(options);
  const value = unwrap(body);
  const tokens = tokensOf(subject);
  const isBucket = tokens[0] === bucketMark && tokens.length > 1;
  const { "kv-operation": operation, kafka_topic: topic } = rowOr(headers);
  const isGone = value === null || operation === "DEL" || operation === "PURGE";
  const named = isEmpty(wanted["id"]) ? undefined : keyOf(columns(value, wanted["id"]));
  const rowKey = firstOf(
    named,
    keyOf(unwrap(key)),
    isBucket ? tokens.slice(2).join(".") : undefined,
    isRow(value) ? keyOf(value["id"]) : undefined,
  );
  if (rowKey === undefined) {
    if (isGone) return withoutKey;
    throw new Error(noKeyOfValue);
  }
  const prefix = firstOf(wanted["prefix"], topic, isBucket ? tokens[1] : tokens.at(-1));
  const id = `${prefix}/${rowKey}`;
  return isGone ? { op: "delete", id } : document({ id, timestamp: publishedAt }, value, options);
}

/** Whether a column that the document shows has no value: its text would be lost. */
function lacksValue(row: Row | undefined, wanted: Row): boolean {
  if (row === undefined || !Object.values(row).some(isUnavailable)) return false;
  if (wanted["text"] === undefined) return true;
  const shown = ["text", "title", "metadata"].flatMap((option) => namesIn(wanted[option]));
  return shown.some((name) => isUnavailable(row[name]));
}

const rowOr = (value: unknown): Row => (isRow(value) ? value : {});

const tokensOf = (subject: unknown): readonly string[] =>
  typeof subject === "string" ? subject.split(".") : [];

function firstOf(...values: readonly unknown[]): string | undefined {
  const found = values.find((value) => !isEmpty(value));
  return found === undefined ? undefined : String(found);
}

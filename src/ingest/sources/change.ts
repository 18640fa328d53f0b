/**
 * `$change(body, key, columns)`: what a message of Debezium says of one row, whichever of its forms
 * it has: with or without Kafka Connect's `{schema, payload}`, as an envelope with `before` and
 * `after`, flattened by ExtractNewRecordState, or as a tombstone. Pure; plain code, because the
 * same in JSONata takes most of a mapping's time.
 */

import { columns, isRow, keyOf, type Row, unwrap } from "./functions.ts";

export interface RowChange {
  /** `upsert`, `delete`, or the reason why the message changes no row. */
  readonly op: string;
  readonly row: Row | undefined;
  /** As one text; undefined when the message does not say which row it is. */
  readonly key: string | undefined;
  /** Database, schema and table, as far as they are named. */
  readonly from: string | undefined;
  readonly table: string | undefined;
  /** When the database committed it, unix seconds. */
  readonly at: number | undefined;
}

const operations: Readonly<Record<string, string>> = {
  ...{ c: "upsert", u: "upsert", r: "upsert", d: "delete" },
  ...{ t: "truncate", m: "message" },
};

export function change(body: unknown, key: unknown, keyColumns?: unknown): RowChange {
  const message = unwrap(body);
  const { op, row, source } = partsOf(message);
  const rowKey = unwrap(key);
  const texts = (name: string): readonly string[] => {
    const value = source[name];
    return typeof value === "string" && value !== "" ? [value] : [];
  };
  const [table] = [...texts("table"), ...texts("collection")];
  const atMs = source["ts_ms"];
  return {
    op: op === "upsert" && row === undefined ? "no row" : op,
    row,
    key: keyText(row, rowKey, keyColumns),
    from: table === undefined ? undefined : [...texts("db"), ...texts("schema"), table].join("."),
    table,
    at: typeof atMs === "number" && atMs > 0 ? atMs / 1_000 : undefined,
  };
}

interface Parts {
  readonly op: string;
  readonly row: Row | undefined;
  readonly source: Row;
}

function partsOf(message: unknown): Parts {
  if (message === null || message === undefined) {
    return { op: "delete", row: undefined, source: {} };
  }
  if (!isRow(message)) return { op: "no change of a row", row: undefined, source: {} };
  const notice = noticeOf(message);
  if (notice !== undefined) return { op: notice, row: undefined, source: {} };
  return isEnvelope(message) ? envelopeParts(message) : flatParts(message);
}

/** A table may have a column `op`: an envelope also says where it is from. */
const isEnvelope = (message: Row): boolean =>
  typeof message["op"] === "string" && ("source" in message || "after" in message);

function envelopeParts(message: Row): Parts {
  const op = operations[String(message["op"])] ?? "no change of a row";
  const before = rowOf(message["before"]);
  const row = op === "delete" ? before : completed(rowOf(message["after"]), before);
  return { op, row, source: isRow(message["source"]) ? message["source"] : {} };
}

/**
 * What Debezium says beside the changes of rows, on topics of its own, which a source that reads
 * all topics of a server gets as well: its heartbeats, the marks of transactions, and changes of
 * the schema.
 */
function noticeOf(message: Row): string | undefined {
  const names = Object.keys(message);
  if (names.length === 1 && typeof message["ts_ms"] === "number") return "heartbeat";
  if ("ddl" in message && "tableChanges" in message) return "schema change";
  const isMark = message["status"] === "BEGIN" || message["status"] === "END";
  return isMark && "event_count" in message && "data_collections" in message
    ? "transaction"
    : undefined;
}

const unavailable = "__debezium_unavailable_value";
const unavailableForms: ReadonlySet<unknown> = new Set([
  unavailable,
  Buffer.from(unavailable).toString("base64"),
]);

/**
 * What stands for a long value (TOAST) that an update of its row did not change: PostgreSQL does
 * not write it into its log again. Of texts, bytes, and lists of them.
 */
export function isUnavailable(value: unknown): boolean {
  return unavailableForms.has(Array.isArray(value) && value.length === 1 ? value[0] : value);
}

/** With the values that the row had before, where they are known (REPLICA IDENTITY FULL). */
function completed(after: Row | undefined, before: Row | undefined): Row | undefined {
  if (after === undefined || before === undefined) return after;
  if (!Object.values(after).some(isUnavailable)) return after;
  return Object.fromEntries(
    Object.entries(after).map(([name, value]) => [
      name,
      isUnavailable(value) && Object.hasOwn(before, name) ? before[name] : value,
    ]),
  );
}

/** `__deleted` and `__op` are added where the transformation is asked for them. */
function flatParts(message: Row): Parts {
  const isDeleted = String(message["__deleted"]) === "true" || message["__op"] === "d";
  const added = (name: string): unknown => message[`__${name}`] ?? message[`__source_${name}`];
  const names = ["db", "schema", "table", "collection", "ts_ms"];
  const source = Object.fromEntries(names.map((name) => [name, added(name)]));
  return { op: isDeleted ? "delete" : "upsert", row: message, source };
}

/** MongoDB's documents come as JSON within JSON. */
function rowOf(value: unknown): Row | undefined {
  if (isRow(value)) return value;
  if (typeof value !== "string") return undefined;
  try {
    const parsed: unknown = JSON.parse(value);
    return isRow(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function keyText(row: Row | undefined, key: unknown, keyColumns: unknown): string | undefined {
  const named = typeof keyColumns === "string" ? keyColumns : undefined;
  if (named !== undefined) return keyOf(columns(row ?? key, named));
  return keyOf(key) ?? keyOf(row?.["id"]) ?? keyOf(row?.["_id"]);
}

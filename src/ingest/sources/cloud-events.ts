/**
 * `$cloudEvents(headers, body)`: the events of a message, whichever of the modes of CloudEvents 1.0
 * it has: binary in headers (of HTTP, NATS or Kafka), structured, or a batch. Pure.
 */

import { parseExactly, utf8Text } from "./event.ts";
import { isRow, type Row } from "./functions.ts";

export interface CloudEvent {
  readonly id: string | undefined;
  readonly type: string;
  readonly source: string;
  readonly subject: string | undefined;
  readonly time: string | undefined;
  readonly data: unknown;
  /** Whether its type ends in a word for deleting, with or without a version after it. */
  readonly deletes: boolean;
}

const deleting = /(^|[._/:-])(deleted?|removed?|destroyed|tombstone)([._/:-]v?[0-9.]+)?$/i;

/** @throws Error for what is no CloudEvent */
export function cloudEvents(headers: unknown, body: unknown): readonly CloudEvent[] {
  const read = headerReader(isRow(headers) ? headers : {});
  if (read("type") !== undefined) return [eventOf(binaryFields(read, body))];
  return (Array.isArray(body) ? body : [body]).map(eventOf);
}

type Read = (name: string) => string | undefined;

function headerReader(headers: Row): Read {
  return (name) => {
    const value = headers[`ce-${name}`] ?? headers[`ce_${name}`];
    return typeof value === "string" ? decoded(value) : undefined;
  };
}

/** Headers carry what is not ASCII as percent-encoded UTF-8. */
function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function binaryFields(read: Read, data: unknown): Row {
  const names = ["id", "type", "source", "subject", "time"];
  return { ...Object.fromEntries(names.map((name) => [name, read(name)])), data };
}

function eventOf(fields: unknown): CloudEvent {
  const text = (name: string): string | undefined => {
    const value = isRow(fields) ? fields[name] : undefined;
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const [type, source] = [text("type"), text("source")];
  if (!isRow(fields) || type === undefined || source === undefined) {
    throw new Error("no CloudEvent: it has no type and source");
  }
  const encoded = text("data_base64");
  const data =
    encoded === undefined ? fields["data"] : dataOf(encoded, text("datacontenttype") ?? "");
  // Text by the standard; senders that number their events mean the digits.
  const id = typeof fields["id"] === "number" ? String(fields["id"]) : text("id");
  const shown = { id, subject: text("subject"), time: text("time") };
  return { ...shown, type, source, data: data ?? undefined, deletes: deleting.test(type) };
}

const json = /^[^;]*[/+]json(?:;|\s|$)/i;

/**
 * What `data_base64` holds: some SDKs send all data so. JSON is the row that it would be under
 * `data`. @throws Error for bytes that are no text, such as a picture: no reader could find them
 */
function dataOf(encoded: string, contentType: string): unknown {
  const text = utf8Text(Buffer.from(encoded, "base64"));
  return json.test(contentType) ? parseExactly(text) : text;
}

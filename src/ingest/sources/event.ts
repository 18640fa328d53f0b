/** From a message or a webhook to what a mapper's expression sees. Pure. */

import { FreshetError } from "../../contract/errors.ts";
import type { SourceEvent } from "../../contract/source.ts";
import type { RawEvent } from "./port.ts";

/** Under which names bridges and brokers send a record's key. */
const keyHeaders = ["kafka_messagekey", "kafka-key", "ce-partitionkey", "ce_partitionkey", "key"];

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
const unsafeDigits = /\d{16}/;

/** @throws FreshetError invalid_document (text that is no UTF-8) */
export function eventOf(raw: RawEvent, keyHeader?: string): SourceEvent {
  const { subject, headers, payload, sequence, atMs } = raw;
  const names = keyHeader === undefined ? keyHeaders : [keyHeader.toLowerCase()];
  const keyName = names.find((name) => headers[name] !== undefined);
  return {
    subject,
    headers,
    body: payload.byteLength === 0 ? null : valueOf(utf8Text(payload)),
    key: keyName === undefined ? undefined : valueOf(headers[keyName] ?? ""),
    sequence,
    publishedAt: new Date(atMs).toISOString(),
  };
}

/** @throws FreshetError invalid_document (bytes that are no UTF-8, never silently replaced) */
export function utf8Text(payload: Uint8Array): string {
  try {
    return utf8.decode(payload);
  } catch (cause) {
    throw new FreshetError("invalid_document", "the event's body is no UTF-8", { cause });
  }
}

/** JSON where it is JSON; all other text as it is. */
function valueOf(text: string): unknown {
  try {
    return parseExactly(text);
  } catch {
    return text;
  }
}

/**
 * Whole numbers that a double cannot hold stay what was sent, as strings: a key of 64 bits that is
 * rounded is another document's. @throws SyntaxError
 */
export function parseExactly(text: string): unknown {
  if (!unsafeDigits.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) => {
    if (typeof value !== "number" || Math.abs(value) <= Number.MAX_SAFE_INTEGER) return value;
    const source = context?.source ?? "";
    return /^-?\d+$/.test(source) ? source : value;
  });
}

/**
 * Whether two payloads say the same. A publisher that tries again may do so another way, HTTP
 * behind JetStream, or in another program: blanks, the order of keys and a default that is written
 * out are then its encoder's, and no other content.
 */

import { type Operation, parseOperation } from "./document.ts";

/** What is no operation (sealed, or broken) is compared by its bytes alone. */
export function sameOperation(one: Uint8Array, other: Uint8Array): boolean {
  if (Buffer.compare(one, other) === 0) return true;
  const contents = [one, other].map(contentOfPayload);
  return contents[0] !== undefined && contents[0] === contents[1];
}

/** The operation as text: the same for the same operation, however it was written. */
export function contentOf(operation: Operation): string {
  return JSON.stringify(operation, (_key, value: unknown) =>
    isPlain(value) ? Object.fromEntries(Object.entries(value).sort(byName)) : value,
  );
}

function contentOfPayload(payload: Uint8Array): string | undefined {
  // The first was taken in under the bounds of then, and equal ones are below them alike.
  const parsed = parseOperation(payload, Number.POSITIVE_INFINITY);
  return parsed.ok ? contentOf(parsed.operation) : undefined;
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const byName = ([one]: [string, unknown], [other]: [string, unknown]): number =>
  one < other ? -1 : 1;

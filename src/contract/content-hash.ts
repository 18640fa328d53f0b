/**
 * The digest of what was published, by which a publisher's program finds out whether a document is
 * still what it sent: the first 16 bytes of SHA-256, in hex, over the UTF-8 of this JSON array,
 * written without blanks:
 *
 *   ["freshet-content-1", text, title, source, timestamp, expires_at, language, acl, metadata]
 *
 * An absent field is null. Times are unix milliseconds, the language is canonical, the labels are a
 * sorted set, metadata are pairs `[key, value]` in order of their keys (by UTF-16 units): so the
 * order of keys and the way a time is written change nothing. Id and operation are not in it.
 *
 * It confirms a guess of what redaction took away. So it stays out of indexes, prompts and log
 * lines, and whoever can read a tenant's documents may see it, no one else.
 */

import { createHash } from "node:crypto";
import type { UpsertOperation } from "./document.ts";

const hashBytes = 16;

export function contentHash(operation: Omit<UpsertOperation, "op" | "id">): string {
  const { text, title, source, timestamp, expires_at, language, acl, metadata } = operation;
  const pairs =
    metadata === undefined
      ? null
      : Object.entries(metadata).sort(([left], [right]) => (left < right ? -1 : 1));
  const parts = [text, title, source, timestamp, expires_at, language, acl, pairs];
  const json = JSON.stringify(["freshet-content-1", ...parts.map((part) => part ?? null)]);
  return createHash("sha256").update(json).digest().subarray(0, hashBytes).toString("hex");
}

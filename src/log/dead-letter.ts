/** Dead letters of records. Pure: whoever writes one, an owner, a recovery or a merge, says the same of it. */

import type { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { PlacedRecord, RecordHeader } from "../contract/record.ts";
import type { DeadLetter } from "./dead-letter-port.ts";

/** @param atMs unix milliseconds of the publish, where that is known; else of the record */
export function deadLetterOf(record: PlacedRecord & { kind: "reject" }, atMs: number): DeadLetter {
  const { tenant, version, documentId, reason, position } = record;
  const message = record.message.slice(0, limits.deadLetterMessageCharsMax);
  return { tenant, version, documentId, reason, message, atMs, position };
}

/** Of a document that was visible, until the merge that cold refused it to. Its replay makes a new version of it. */
export function refusedLetterOf(header: RecordHeader): DeadLetter {
  const { tenant, version, documentId, position, atMs } = header;
  const message = "the cold shard can not store this document: change it and publish it again";
  return { tenant, version, documentId, reason: "cold_refused", message, atMs, position };
}

/** Letters that a tenant may keep in a stream of so many bytes. */
export function letterShareOf(streamBytesMax: number): number {
  const share = Math.floor(streamBytesMax / limits.deadLetterShares / limits.deadLetterBytes);
  return Math.max(share, limits.deadLettersPerTenantMin);
}

/** Whether the letter that failed so may be taken later: a stream that is missing is created again by itself. */
export const isTakenLater = ({ code, retryable }: FreshetError): boolean =>
  retryable || code === "log_identity";

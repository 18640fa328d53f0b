/**
 * Dead letters of records. Pure: an owner, a recovery and a merge all write the same letter for the
 * same record.
 */

import type { FreshetError } from "../contract/errors.ts";
import { tenantOf } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import type { PlacedRecord, RecordHeader } from "../contract/record.ts";
import type { DeadLetter } from "./dead-letter-port.ts";

/** @param atMs unix milliseconds of the publish, where that is known; else of the record */
export function deadLetterOf(record: PlacedRecord & { kind: "reject" }, atMs: number): DeadLetter {
  const { version, documentId, reason, position } = record;
  const tenant = tenantOf(record.tenant);
  const message = record.message.slice(0, limits.deadLetterMessageCharsMax);
  return { tenant, version, documentId, reason, message, atMs, position };
}

/**
 * For a document that was visible until cold refused it in a merge. Its replay makes a new version
 * of it.
 */
export function refusedLetterOf(header: RecordHeader): DeadLetter {
  const { version, documentId, position, atMs } = header;
  const tenant = tenantOf(header.tenant);
  const message = "the cold shard cannot store this document: change it and publish it again";
  return { tenant, version, documentId, reason: "cold_refused", message, atMs, position };
}

/** How many dead letters a tenant may keep in a stream of so many bytes. */
export function letterShareOf(streamBytesMax: number): number {
  const share = Math.floor(streamBytesMax / limits.deadLetterShares / limits.deadLetterBytes);
  return Math.max(share, limits.deadLettersPerTenantMin);
}

/**
 * Whether a dead letter that failed with this error may be taken later: a missing stream is created
 * again without an operator.
 */
export const isTakenLater = ({ code, retryable }: FreshetError): boolean =>
  retryable || code === "log_identity";

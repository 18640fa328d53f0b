/** The dead letter of a reject record. Pure: the owner, a recovery and a merge all say the same of it. */

import type { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import type { PlacedRecord } from "../contract/record.ts";
import type { DeadLetter } from "./port.ts";

/** @param atMs unix milliseconds of the publish, where that is known; else of the record */
export function letterOf(record: PlacedRecord & { kind: "reject" }, atMs: number): DeadLetter {
  const { tenant, version, documentId, reason, position } = record;
  const message = record.message.slice(0, limits.deadLetterMessageCharsMax);
  return { tenant, version, documentId, reason, message, atMs, position };
}

/** Letters that a tenant may keep in a stream of so many bytes. */
export function letterShareOf(streamBytesMax: number): number {
  const share = Math.floor(streamBytesMax / limits.deadLetterShares / limits.deadLetterBytes);
  return Math.max(share, limits.deadLettersPerTenantMin);
}

/** Whether the letter that failed so may be taken later: a stream that is missing is created again by itself. */
export const isTakenLater = ({ code, retryable }: FreshetError): boolean =>
  retryable || code === "log_identity";

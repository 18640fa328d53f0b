/** The dead letter of a reject record. Pure: the owner, a recovery and a merge all say the same of it. */

import type { PlacedRecord } from "../contract/record.ts";
import type { DeadLetter } from "./port.ts";

/** @param atMs unix milliseconds of the publish, where that is known; else of the record */
export function letterOf(record: PlacedRecord & { kind: "reject" }, atMs: number): DeadLetter {
  const { tenant, version, documentId, reason, message, position } = record;
  return { tenant, version, documentId, reason, message, atMs, position };
}

/**
 * What became of an append whose acknowledgement is missing or negative (ARCHITECTURE.md, "Fence").
 */

import type { ChunkRecord, RecordHeader } from "../contract/record.ts";
import type { AppendOutcome } from "./port.ts";

export type AppendVerdict = { readonly kind: "retry" } | AppendOutcome;

/**
 * Judges by the tenant's newest record. Order matters: a record in the expected place means that
 * mine has not landed (yet); then a higher epoch means that I was fenced, even where mine had
 * landed before that.
 */
export function judgeAppend(
  record: ChunkRecord,
  expectedLast: number,
  last: RecordHeader | null,
): AppendVerdict {
  if ((last?.position ?? 0) === expectedLast) return { kind: "retry" };
  if (last === null) return { kind: "behind", last };
  if (last.epoch > record.epoch) return { kind: "fenced", by: last };
  if (isMine(record, expectedLast, last)) return { kind: "appended", position: last.position };
  return { kind: "behind", last };
}

/** One writer has one append in flight, so epoch, version and place together name it. */
function isMine(record: ChunkRecord, expectedLast: number, last: RecordHeader): boolean {
  return (
    last.epoch === record.epoch &&
    last.previous === expectedLast &&
    last.version === record.version &&
    last.kind === record.kind
  );
}

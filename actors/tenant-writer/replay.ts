/** Whether the replay of a dead letter still means anything (T8). */

import { errorTable, toFreshetError } from "../../src/contract/errors.ts";
import type { DocumentId } from "../../src/contract/ids.ts";
import type { RejectOutcome } from "../../src/contract/outcome.ts";
import { isLaterOperation, type RecordHeader } from "../../src/contract/record.ts";
import type { DeadLetter } from "../../src/log/dead-letter-port.ts";
import type { Replay } from "../../src/log/port.ts";

/** A replay repeats what a dead letter is about, from where its record lies; anything else was made up. */
export function isReplayOf(letter: DeadLetter | null, { after }: Replay): boolean {
  return letter?.position === after;
}

/**
 * @param behind the records behind the reject record of what is replayed, to the end of the log
 * @throws what reading them throws, except that they are not all there any more: then it may have had one
 */
export async function hadLaterOperation(
  behind: AsyncIterable<RecordHeader>,
  { of }: Replay,
  documentId: DocumentId,
): Promise<boolean> {
  try {
    for await (const header of behind) {
      if (header.documentId === documentId && isLaterOperation(header, of)) return true;
    }
    return false;
  } catch (thrown) {
    if (toFreshetError(thrown).code === "broken_chain") return true;
    throw thrown;
  }
}

export function voidOutcome(documentId: DocumentId): RejectOutcome {
  const message = errorTable.replay_void.summary;
  return { kind: "reject", documentId, reason: "replay_void", message };
}

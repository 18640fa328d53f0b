/** Whether the replay of a dead letter is void (T8). */

import { errorTable, toFreshetError } from "../../src/contract/errors.ts";
import {
  type DocumentId,
  noPosition,
  type Position,
  type TenantId,
  type Version,
} from "../../src/contract/ids.ts";
import type { RejectOutcome } from "../../src/contract/outcome.ts";
import { isLaterOperation, type RecordHeader } from "../../src/contract/record.ts";
import type { DeadLetter } from "../../src/log/dead-letter-port.ts";
import type { ChunksLog, Replay } from "../../src/log/port.ts";

/**
 * A replay names its dead letter and that one's position; headers that do not agree are made up.
 */
export function isReplayOf(deadLetter: DeadLetter | null, { after }: Replay): boolean {
  return deadLetter?.position === after;
}

interface ReplayStartOptions {
  readonly tenant: TenantId;
  readonly log: { readonly chunks: Pick<ChunksLog, "first"> };
  readonly beginsAt: () => Version;
}

/**
 * After which record to look for later operations. A tenant's generations share dead letters, so
 * the one that is named may lie among the records of another: then all that is held is looked at.
 * Undefined when what is held does not go back as far.
 */
export async function replayStart(
  { tenant, log: { chunks }, beginsAt }: ReplayStartOptions,
  { of, after }: Replay,
): Promise<Position | undefined> {
  const next = await chunks.first(tenant, after);
  if (next?.position === after || next?.previous === after) return after;
  const first = await chunks.first(tenant);
  if (first === null || of < beginsAt()) return undefined;
  return first.previous === noPosition || first.version <= of ? first.previous : undefined;
}

/**
 * @param after the records after the reject record of the replayed operation, to the end of the log
 * @throws what reading them throws; when some were purged, one may have been such an operation
 */
export async function hadLaterOperation(
  after: AsyncIterable<RecordHeader>,
  { of }: Replay,
  documentId: DocumentId,
): Promise<boolean> {
  try {
    for await (const header of after) {
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

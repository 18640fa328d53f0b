/**
 * Publishes rejected operations again. Whether a replay means anything is decided by the tenant's
 * owner, by the log; here it is only foreseen, so that what is void anyway makes no new dead
 * letter.
 *
 * DR1  a replay says which operation it repeats: the owner voids it if the document had a later one
 *      (I3).
 * DR2  repeating a replay has no second effect: by its message id, and after that by DR1.
 * DR3  looking ahead is bounded: it ends when it knows enough, or after `replayRecordsMax` records,
 *      and remembers the documents of the letters alone. What it did not see the owner decides.
 * DR4  what was refused for its form and names no document is not published again: nothing would
 *      void it, so each replay would leave one letter more.
 */

import { type ErrorCode, toFreshetError } from "../contract/errors.ts";
import type { DocumentId, Position, TenantId, Version } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { isLaterOperation } from "../contract/record.ts";
import { payloadOf } from "./dead-letter-pages.ts";
import type { DeadLetter } from "./dead-letter-port.ts";
import type { ChunksLog, DocsLog } from "./port.ts";

export interface ReplayLog {
  readonly docs: Pick<DocsLog, "publish" | "readTenant" | "open">;
  readonly chunks: Pick<ChunksLog, "last" | "headers">;
}

export type Replayed =
  | { readonly kind: "published"; readonly seq: Version; readonly as: Version }
  | { readonly kind: "skipped"; readonly seq: Version; readonly why: string };

const later = "its document had a later operation";
const isVoid = "it was a replay that came too late";
const noDocument = "what was sent names no document: publish it corrected";
const noRecord = "the dead letter does not say where it was refused: publish the document again";
const noPayload = "DOCS does not hold what was sent any more: publish the document again";

/** Reasons that lie in the payload alone: the same bytes are refused again. */
const isMalformed: ReadonlySet<ErrorCode> = new Set([
  "invalid_json",
  "invalid_document",
  "unknown_operation",
]);

/** @throws FreshetError when the log refuses a publish or does not answer */
export async function replay(
  log: ReplayLog,
  tenant: TenantId,
  letters: readonly DeadLetter[],
): Promise<readonly Replayed[]> {
  const newest = await newestOperations(log.chunks, tenant, letters);
  const results: Replayed[] = [];
  for (const letter of letters) results.push(await replayOne(log, { tenant, letter, newest }));
  return results;
}

interface One {
  readonly tenant: TenantId;
  readonly letter: DeadLetter;
  /** Document → version of its newest operation; undefined when the log cannot tell any more. */
  readonly newest: ReadonlyMap<DocumentId, Version> | undefined;
}

async function replayOne(log: ReplayLog, { tenant, letter, newest }: One): Promise<Replayed> {
  const { version, documentId, reason, position } = letter;
  const skipped = (why: string): Replayed => ({ kind: "skipped", seq: version, why });
  if (reason === "replay_void") return skipped(isVoid);
  if (documentId === null && isMalformed.has(reason)) return skipped(noDocument);
  if (position === undefined) return skipped(noRecord);
  if (documentId !== null) {
    if (newest === undefined) return skipped("the log does not hold what came after it any more");
    if ((newest.get(documentId) ?? 0) > version) return skipped(later);
  }
  let payload: Uint8Array | undefined;
  try {
    payload = await payloadOf(log.docs, tenant, version);
  } catch (thrown) {
    const error = toFreshetError(thrown);
    if (error.code !== "payload_unreadable" && error.code !== "payload_plain") throw thrown;
    return skipped(error.message);
  }
  if (payload === undefined) return skipped(noPayload);
  const { seq } = await log.docs.publish({
    tenant,
    payload,
    messageId: `replay/${tenant}/${version}`,
    replay: { of: version, after: position },
  });
  return { kind: "published", seq: version, as: seq };
}

/** DR3: one pass over what lies after the oldest dead letter. */
async function newestOperations(
  chunks: ReplayLog["chunks"],
  tenant: TenantId,
  letters: readonly DeadLetter[],
): Promise<ReadonlyMap<DocumentId, Version> | undefined> {
  const newest = new Map<DocumentId, Version>();
  /** Which of their letters has the highest version: one above it says enough of a document. */
  const open = new Map<DocumentId, Version>();
  let after: Position | undefined;
  for (const { documentId, position, version, reason } of letters) {
    if (documentId === null || position === undefined || reason === "replay_void") continue;
    open.set(documentId, Math.max(version, open.get(documentId) ?? 0) as Version);
    newest.set(documentId, 0 as Version);
    after = Math.min(position, after ?? position) as Position;
  }
  const last = await chunks.last(tenant);
  if (last === null || after === undefined) return newest;
  let left: number = limits.replayRecordsMax;
  try {
    for await (const header of chunks.headers({ tenant, after, to: last.position })) {
      const { documentId, version } = header;
      const known = documentId === null ? undefined : newest.get(documentId);
      if (documentId !== null && known !== undefined && isLaterOperation(header, known)) {
        newest.set(documentId, version);
        if (version > (open.get(documentId) ?? version)) open.delete(documentId);
      }
      left -= 1;
      if (open.size === 0 || left === 0) break;
    }
    return newest;
  } catch (thrown) {
    if (toFreshetError(thrown).code === "broken_chain") return undefined;
    throw thrown;
  }
}

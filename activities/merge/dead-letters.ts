/**
 * Dead letters of what a merge goes past: rejects, and documents that cold refuses for good.
 *
 * The tenant's owner writes those of rejects at once; this finds those that it did not come to,
 * because it ended or because their stream was full.
 *
 *   DL1  nothing waits for the dead letter of a reject: what the stream does not take is noted as
 *        owed, and the merge continues;
 *   DL2  what is owed is written by the next merge, or by retention, once there is room; as long as
 *        CHUNKS has the records;
 *   DL3  a document that cold refuses was visible while it was hot: it gets a dead letter before
 *        anything commits past it, and the event and the count of a rejection afterwards.
 */

import { FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import type { Position, TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { MergeRange } from "../../src/contract/merge.ts";
import type { RecordHeader } from "../../src/contract/record.ts";
import { deadLetterOf, isTakenLater, refusedLetterOf } from "../../src/log/dead-letter.ts";
import type { MergePorts } from "../context.ts";

// --- rejects -----------------------------------------------------------------------------------

/**
 * @param headers those of the range, when they are read already
 * @throws FreshetError log_unavailable when what is owed cannot be noted
 */
export async function writeDeadLetters(
  ports: MergePorts,
  range: MergeRange,
  headers: readonly RecordHeader[],
): Promise<void> {
  const { deadLetters } = ports.log;
  const { tenant, from: after, to } = range;
  const { after: owed, revision } = await deadLetters.owed(tenant);
  const paid = await writeOwed(ports, tenant, { after: owed ?? after, to: after });
  const reached = paid < after ? paid : await writeEach(ports, headers, to);
  const next = reached < to ? reached : null;
  // A note that stays is written anew, so that an older attempt that wakes up cannot cross it out.
  if (next === null && owed === null) return;
  if (await deadLetters.owe(tenant, { after: next, revision })) return;
  throw new FreshetError("log_unavailable", "another merge noted which dead letters are owed");
}

/** What merges left owed, as far as there is room now. */
export async function payDeadLetters(ports: MergePorts, tenant: TenantId): Promise<void> {
  const { deadLetters, manifests } = ports.log;
  if ((await deadLetters.owed(tenant)).after === null) return;
  const to = (await manifests.get(tenant))?.manifest.to ?? (0 as Position);
  await writeDeadLetters(ports, { tenant, from: to, to }, []);
}

/**
 * Up to where all dead letters are written. What is owed may lie anywhere after it: one call looks
 * through a bounded number of records.
 */
async function writeOwed(
  ports: MergePorts,
  tenant: TenantId,
  { after, to }: { readonly after: Position; readonly to: Position },
): Promise<Position> {
  if (after >= to) return to;
  const headers: RecordHeader[] = [];
  const range = { tenant, after, to, signal: ports.signal() };
  try {
    for await (const header of ports.log.chunks.headers(range)) {
      headers.push(header);
      if (headers.length >= limits.mergeRecordsMax) break;
    }
  } catch (thrown) {
    // Records that were purged with the replay window could not be replayed either: their dead
    // letters are given up.
    if (toFreshetError(thrown).code === "broken_chain") return to;
    throw thrown;
  }
  return writeEach(ports, headers, headers.at(-1)?.position ?? to);
}

/**
 * The headers have no message, so each reject is read by itself; there are few, and they have no
 * vectors.
 */
async function writeEach(
  ports: MergePorts,
  headers: readonly RecordHeader[],
  to: Position,
): Promise<Position> {
  for (const header of headers.filter(({ kind }) => kind === "reject")) {
    ports.signal()?.throwIfAborted();
    const { tenant, version, previous: after } = header;
    try {
      await writeOne(ports, header);
    } catch (thrown) {
      ports.signal()?.throwIfAborted();
      const error = toFreshetError(thrown);
      const { code, message: cause } = error;
      ports.logger.warn({ tenant, version, code, cause }, "a dead letter could not be written");
      // One that its stream never takes must not keep the others.
      if (!isTakenLater(error)) continue;
      ports.metrics.count("dead_letters_deferred_total", { tenant });
      return after;
    }
  }
  return to;
}

async function writeOne(
  { log }: MergePorts,
  { tenant, previous: after, position: to, atMs }: RecordHeader,
): Promise<void> {
  for await (const record of log.chunks.read({ tenant, after, to })) {
    if (record.kind === "reject") await log.deadLetters.publish(deadLetterOf(record, atMs));
  }
}

// --- refused documents -------------------------------------------------------------------------

/** The headers of the records that were refused. */
export function refusedAmong(
  headers: readonly RecordHeader[],
  refused: readonly Position[] | undefined,
): readonly RecordHeader[] {
  const positions = new Set(refused);
  return headers.filter(({ position, kind }) => kind === "upsert" && positions.has(position));
}

/**
 * Idempotent, as dead letters are. A merge waits for the log, but not for room in the dead-letter
 * stream: that could take days, and all merges of the tenant would stand still. Then the error
 * line, the event and the count are what is left.
 * @throws FreshetError log_unavailable
 */
export async function writeRefusedDeadLetters(
  { log, logger }: MergePorts,
  refused: readonly RecordHeader[],
): Promise<void> {
  for (const header of refused) {
    try {
      await log.deadLetters.publish(refusedLetterOf(header));
    } catch (thrown) {
      if (!(thrown instanceof FreshetError) || thrown.code !== "overloaded") throw thrown;
      const { tenant, version } = header;
      logger.error({ tenant, version }, "no room for the dead letter of a refused document");
    }
  }
}

/** Best effort, once the refusal is committed. */
export function announceRefused(ports: MergePorts, refused: readonly RecordHeader[]): void {
  const [first] = refused;
  if (first === undefined) return;
  const { log, clock, logger, metrics } = ports;
  const { tenant } = first;
  for (const header of refused) {
    const { documentId: id, version: seq, reason, message } = refusedLetterOf(header);
    const ms = Math.max(0, clock.nowMs() - header.atMs);
    log.events.publish(tenant, { id, seq, status: "rejected", reason, message, ms });
  }
  metrics.count("cold_refused_total", { tenant }, refused.length);
  logger.error({ tenant, documents: refused.length }, "the cold shard refused documents for good");
}

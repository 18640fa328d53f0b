/**
 * Dead letters of the rejects that a merge goes past. The tenant's owner writes them at once; this finds those that it
 * did not come to: because it ended, or because their stream was full.
 *
 *   DL1  nothing waits for a letter: what the stream does not take is noted as owed, and the merge goes on;
 *   DL2  what is owed is written by the next merge, or by retention, once there is room; as long as CHUNKS has the records.
 */

import { FreshetError, toFreshetError } from "../../src/contract/errors.ts";
import type { Position, TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { MergeRange } from "../../src/contract/merge.ts";
import type { RecordHeader } from "../../src/contract/record.ts";
import { deadLetterOf, isTakenLater } from "../../src/log/dead-letter.ts";
import type { MergePorts } from "../context.ts";

/**
 * @param headers those of the range, when they are read already
 * @throws FreshetError log_unavailable when what is owed can not be noted
 */
export async function writeLetters(
  ports: MergePorts,
  range: MergeRange,
  headers: readonly RecordHeader[],
): Promise<void> {
  const { deadLetters } = ports.log;
  const { tenant, from, to } = range;
  const { after: owed, revision } = await deadLetters.owed(tenant);
  const paid = await writeOwed(ports, { tenant, from: owed ?? from, to: from });
  const reached = paid < from ? paid : await writeEach(ports, headers, to);
  const after = reached < to ? reached : null;
  // A note that stays is written anew: so an older attempt that wakes up can not cross it out.
  if (after === null && owed === null) return;
  if (await deadLetters.owe(tenant, { after, revision })) return;
  throw new FreshetError("log_unavailable", "another merge noted which letters are owed");
}

/** What merges left owed, as far as there is room now. */
export async function payLetters(ports: MergePorts, tenant: TenantId): Promise<void> {
  const { deadLetters, manifests } = ports.log;
  if ((await deadLetters.owed(tenant)).after === null) return;
  const to = (await manifests.get(tenant))?.manifest.to ?? (0 as Position);
  await writeLetters(ports, { tenant, from: to, to }, []);
}

/** How far all letters are written. What is owed may lie anywhere behind it: it is looked through in bounded steps. */
async function writeOwed(ports: MergePorts, { tenant, from, to }: MergeRange): Promise<Position> {
  if (from >= to) return to;
  const headers: RecordHeader[] = [];
  const range = { tenant, after: from, to, signal: ports.signal() };
  try {
    for await (const header of ports.log.chunks.headers(range)) {
      headers.push(header);
      if (headers.length >= limits.mergeRecordsMax) break;
    }
  } catch (thrown) {
    // Records that are gone, purged with the replay window, could not be replayed either: their letters are given up.
    if (toFreshetError(thrown).code === "broken_chain") return to;
    throw thrown;
  }
  return writeEach(ports, headers, headers.at(-1)?.position ?? to);
}

/** The headers have no message, so each reject is read by itself; there are few, and they have no vectors. */
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

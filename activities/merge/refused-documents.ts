/**
 * What becomes of a document that cold refuses for good. It was visible while it was hot, so it must not go without a
 * word: it gets a dead letter before anything commits past it, and the event and the count of a rejection afterwards.
 */

import { FreshetError } from "../../src/contract/errors.ts";
import type { Position } from "../../src/contract/ids.ts";
import type { RecordHeader } from "../../src/contract/record.ts";
import { refusedLetterOf } from "../../src/log/dead-letter.ts";
import type { MergePorts } from "../context.ts";

/** The headers of the records that were refused. */
export function refusedAmong(
  headers: readonly RecordHeader[],
  refused: readonly Position[] | undefined,
): readonly RecordHeader[] {
  const positions = new Set(refused);
  return headers.filter(({ position, kind }) => kind === "upsert" && positions.has(position));
}

/**
 * Idempotent, as letters are. A merge waits for the log, but not for room among the letters: it could be days, and all
 * merges of the tenant would stand. Then the error line, the event and the count are what is left.
 * @throws FreshetError log_unavailable
 */
export async function writeRefusedLetters(
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

/** The audit trail: what waits, what a block holds, how long it is kept. */

import { documentLimits } from "./documents.ts";
import { logLimits } from "./log.ts";
import { atMost, below, type Relations } from "./relation.ts";
import { runtimeLimits } from "./runtime.ts";
import { dayMs, hourMs, KiB, MiB, secondMs } from "./units.ts";

export const auditLimits = {
  /** Tenants have 64, nodes 128 characters; credentials and codes less. */
  auditNameCharsMax: 128,
  /** A node's name and a random part. */
  auditWriterCharsMax: 256,
  /** Distinct entries that wait for the log, about 400 bytes each: 4 MiB while it is away. */
  auditPendingMax: 10_000,
  /** Of one message: some 60 KB, so that it passes every server's payload limit. */
  auditBlockEntriesMax: 256,
  /** An entry of the longest names. */
  auditEntryBytesMax: 1 * KiB,
  /** What a process that is killed can lose; one append, and one fsync, in this time. */
  auditFlushMs: secondMs,
  /** While the log is away. */
  auditRetryMaxMs: 10 * secondMs,
  /** A stop waits so long for the last block. */
  auditStopMs: 3 * secondMs,
  /** A year of looking back, as most rules ask for. */
  auditKeptMs: 366 * dayMs,
  /** About a million entries; a server with less room gets less. The oldest blocks go first. */
  auditBytesMax: 256 * MiB,
  /** The server removes what is too old some time after, by a clock of its own. */
  auditSlackMs: hourMs,
  /** A stream that is so full, as a part of its bytes, loses its oldest before their time. */
  auditFullFrom: 0.9,
  /** Problems that a check lists; the rest is counted. */
  auditProblemsMax: 100,
  /** Entries of one list, some 300 bytes each. */
  auditListMax: 100_000,
  /** The command line waits so long for its own entry: its work is done already. */
  auditCliMs: 5 * secondMs,
} as const;

export const auditRelations: Relations = {
  "a block passes a server of any payload limit that takes a document": [
    atMost(
      auditLimits.auditBlockEntriesMax * auditLimits.auditEntryBytesMax,
      documentLimits.recordBytesMax,
    ),
  ],
  "the stream at its smallest holds several blocks": [
    atMost(
      4 * auditLimits.auditBlockEntriesMax * auditLimits.auditEntryBytesMax,
      logLimits.streamBytesMin,
    ),
    atMost(logLimits.streamBytesMin, auditLimits.auditBytesMax),
  ],
  "an engine's stop has time for the last block": [
    below(auditLimits.auditStopMs, runtimeLimits.stopMs),
    atMost(auditLimits.auditFlushMs, auditLimits.auditStopMs),
  ],
  "what waits fills many blocks": [
    atMost(auditLimits.auditBlockEntriesMax, auditLimits.auditPendingMax),
  ],
};

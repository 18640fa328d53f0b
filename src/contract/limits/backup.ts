/** Backups: how large their parts are, and how long their steps may take. */

import { documentLimits } from "./documents.ts";
import { atMost, below, type Relations } from "./relation.ts";
import { KiB, MiB, secondMs } from "./units.ts";

export const backupLimits = {
  /**
   * A part of a stream: messages are put together until one ends it by its sequence, one of so many
   * on average. Where a part ends depends on its messages alone, so an incremental backup writes
   * only parts in which something came or went.
   */
  backupPartMessages: 256,
  /** A part ends at the latest here; one message may be larger. */
  backupPartBytesMax: 4 * MiB,
  /** What a part may be when it is read back: a message of the largest size, and its headers. */
  backupPartReadBytesMax: 16 * MiB,
  /** The list of parts of a large log: 100 bytes for each. */
  backupIndexBytesMax: 256 * MiB,
  /** Objects of cold in a page, on average; a page ends by the id of its last object. */
  backupPageObjects: 256,
  /** nats-server sends and takes streams in pieces of this size. */
  backupChunkBytes: 128 * KiB,
  /**
   * What came from nats-server and is not stored yet. It ends a transfer that nothing is taken from
   * for five seconds, so what it sends is taken before it is stored.
   */
  backupQueueBytesMax: 64 * MiB,
  /** Until nats-server lets go of a transfer that was cut off: it takes five seconds. */
  backupRestoreAttemptsMax: 24,
  backupRestorePauseMs: 0.5 * secondMs,
  /** For each answer of nats-server; it gives up after five seconds itself. */
  backupAnswerMs: 30 * secondMs,
  /** A tenant whose merges commit and clean while it is read is read again, so often at most. */
  backupTenantAttemptsMax: 4,
  /** The same for the log, when a sweep purged under the reader. */
  backupLogAttemptsMax: 3,
  /** Kept free beside what a backup will write. */
  backupFreeBytesMin: 64 * MiB,
  /**
   * Sequences that a restored stream passes over, so that none that the lost log gave out after the
   * backup is given out again: publishers may still wait for one. nats-server 2.15 counts them one
   * by one when it starts: half a second for these, 150 s for 2^30.
   */
  backupSequenceGap: 2 ** 20,
  /** Ten seconds of each start of nats-server, for each of five streams. */
  backupSequenceGapMax: 2 ** 26,
  /** Whether an engine is running on a NATS: engines answer within milliseconds. */
  backupEngineLookMs: secondMs,
  /** Backups that a list shows. */
  backupListMax: 1_000,
  backupProgressEveryMs: 2 * secondMs,
  /** One request to an S3-like store. */
  backupStoreRequestMs: 60 * secondMs,
} as const;

export const backupRelations: Relations = {
  "a part has room for the largest message, twice": [
    atMost(2 * documentLimits.recordBytesMax, backupLimits.backupPartReadBytesMax),
    atMost(
      backupLimits.backupPartBytesMax + documentLimits.recordBytesMax,
      backupLimits.backupPartReadBytesMax,
    ),
  ],
  "a thousand restores leave most of a stream's 2^40 sequences": [
    atMost(backupLimits.backupSequenceGap, backupLimits.backupSequenceGapMax),
    below(1_000 * backupLimits.backupSequenceGapMax, 2 ** 39),
  ],
};

/** What publishes leave: message ids and dead letters. */

import { logLimits } from "./log.ts";
import { atMost, below, type Relations } from "./relation.ts";
import { GiB, minuteMs, secondMs } from "./units.ts";

export const publishingLimits = {
  /** A message id names one operation of its tenant so long, by DOCS time; retries end before. */
  duplicateWindowMs: 2 * minuteMs,
  /** Ids of the window that an owner keeps, some 200 bytes each: 136 operations a second. */
  messageIdsPerTenantMax: 16_384,
  deadLetterBytesMax: 1 * GiB,
  /** A tenant keeps one in so many of those that fit: so many must flood at once to fill it. */
  deadLetterShares: 32,
  /**
   * What a dead letter takes in its stream, about: 250 bytes of JSON, its subject, the server's
   * own.
   */
  deadLetterBytes: 512,
  /** A tenant's share of the smallest stream: enough to see what goes wrong. */
  deadLettersPerTenantMin: 256,
  /** The rest of a message says nothing new, and a dead letter stays below some kilobytes. */
  deadLetterMessageCharsMax: 1_000,
  /** Of a tenant, waiting for their stream, about half a MB; more are left to the next merge. */
  deadLettersWaitingMax: 1_024,
  /** A full stream is asked again so often at most: retention makes room once an hour. */
  deadLetterRetryMaxMs: 30 * secondMs,
} as const;

export const publishingRelations: Relations = {
  "a publisher's retries end before the server forgets its message id": [
    below(logLimits.publishAckMs * logLimits.appendAttemptsMax, publishingLimits.duplicateWindowMs),
  ],
  "the stream of dead letters at its smallest holds several of the largest messages": [
    atMost(logLimits.streamBytesMin, publishingLimits.deadLetterBytesMax),
  ],
};

/** Bounds of what publishes leave behind, message ids and dead letters: a part of `limits`, where everybody reads them. */

const MiB = 1024 * 1024;
const minuteMs = 60_000;

export const publishingLimits = {
  /** A message id names one operation of its tenant for so long, by DOCS time; a publisher's retries must end before. */
  duplicateWindowMs: 2 * minuteMs,
  /** Ids of the window that a tenant's owner keeps, about 200 bytes each: 136 operations a second for two minutes. */
  messageIdsPerTenantMax: 16_384,
  deadLetterBytesMax: 1024 * MiB,
  /** A tenant keeps one in so many of the letters that fit: so many must flood at once to fill the stream. */
  deadLetterShares: 32,
  /** What a letter takes in its stream, about: 250 bytes of JSON, its subject, the server's own. */
  deadLetterBytes: 512,
  /** A tenant's share of the smallest stream: enough to see what goes wrong. */
  deadLettersPerTenantMin: 256,
  /** The rest of a message says nothing new, and a letter stays below some kilobytes. */
  deadLetterMessageCharsMax: 1_000,
  /** Letters of a tenant that wait for their stream, about half a MB; what is above is left to the next merge. */
  deadLettersWaitingMax: 1_024,
  /** A full stream is asked again so often at most: retention makes room once an hour. */
  deadLetterRetryMaxMs: 30_000,
} as const;

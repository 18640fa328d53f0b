/** The log: appends, reads, the streams' sizes and what keeps a foreign message from harming. */

import { documentLimits } from "./documents.ts";
import { atMost, below, type Relations } from "./relation.ts";
import { runtimeLimits } from "./runtime.ts";
import { GiB, MiB, minuteMs, secondMs } from "./units.ts";

export const logLimits = {
  // --- appends -------------------------------------------------------------------------------
  /** A publish that gets no PubAck in this time is of unknown outcome. */
  publishAckMs: 5 * secondMs,
  /** How often an unknown append is resolved by reading back before the writer gives up. */
  appendAttemptsMax: 5,

  // --- streams -------------------------------------------------------------------------------
  /** Pieces of heads: 24 bytes a live document, twice while a merge swaps them; for 40 million. */
  headsBytesMax: 2 * GiB,
  /** Manifests: some hundred bytes a tenant and 80 for every 32,768 documents. */
  manifestsBytesMax: 256 * MiB,
  /** A server with less disk gets streams of half the size, and half again, but not below this. */
  streamBytesMin: 16 * MiB,
  /**
   * Servers of a cluster tell each other what their streams reserve at least every 10 s. What a new
   * log was refused for longer than this is really taken.
   */
  roomKnownMs: 12 * secondMs,
  /**
   * Messages that a manifest's subject keeps: so many minus one foreign messages in a row may be
   * stored after a manifest before it is lost.
   */
  manifestHistoryMax: 4,

  // --- reads ---------------------------------------------------------------------------------
  /** Operations pulled at once: one pull holds at most this many documents in memory. */
  pullMax: 128,
  /** A pull waits so long for messages; the server says that it lives every `pullHeartbeatMs`. */
  pullExpiresMs: 10 * secondMs,
  /** Three missed in a row mean trouble. At most half of `pullExpiresMs`, as the server demands. */
  pullHeartbeatMs: 2 * secondMs,
  /**
   * A bounded read knows that what it waits for is stored: its consumer's copy, which lags by
   * milliseconds under load, gets this time for it, then another copy is asked.
   */
  boundedPullExpiresMs: 2 * secondMs,
  boundedPullHeartbeatMs: secondMs,
  /** Consumers in a row short of what the leader has, until a bounded read gives up: about 6 s. */
  shortReadsMax: 4,
  /** Pulls in a row that end at once without a message, until the read ends with an error. */
  hastyPullsMax: 3,
  /** The server forgets a consumer without pulls; a reader busy with a page makes it wait. */
  consumerIdleMs: 2 * minuteMs,
  /** Pause of a reader between two attempts to continue, first and longest. */
  readRetryMinMs: 50,
  readRetryMaxMs: 2 * secondMs,
  /** Pages of a tenant's CHUNKS range: records of up to 2 MB each are held at once. */
  rangePageMax: 64,
  /** The same in bytes: at least one record of `recordBytesMax`. */
  rangePageBytesMax: 8 * MiB,

  // --- connection and identity ---------------------------------------------------------------
  /** A leader that says less than was seen is asked again for 4 s; followers speak every second. */
  lostTailLooksMax: 10,
  lostTailLookEveryMs: 400,
  followerSilenceMs: 3 * secondMs,
  /** A log that is replaced under its connection is noticed in this time, by small requests. */
  identityEveryMs: 10 * secondMs,
  /** The first connection to NATS: JetStream may still recover its streams. */
  natsConnectMs: 30 * secondMs,
  /** A half-open link is noticed after two of these; the client's default is two minutes. */
  natsPingMs: 10 * secondMs,
  /** What is under way when a process stops is sent in this time, or lost with its connection. */
  natsDrainMs: 5 * secondMs,

  // --- foreign messages ----------------------------------------------------------------------
  /** Foreign messages at the end of CHUNKS that a start passes over to find its newest record. */
  newestWriterLooksMax: 8,
  /** Foreign or unreadable messages that a process remembers, to count and name each once. */
  quarantineRememberedMax: 1_000,
  /** Of those the newest are shown in a status. */
  quarantineShownMax: 20,
  /** A subject may be as long as a publisher chose: enough of it is kept to find it again. */
  quarantineSubjectCharsMax: 200,
} as const;

const { pullExpiresMs, pullHeartbeatMs, boundedPullExpiresMs, boundedPullHeartbeatMs } = logLimits;
const { recordBytesMax, docsMessageBytesMax, docsBytesMax, chunksBytesMax } = documentLimits;

export const logRelations: Relations = {
  "pulls obey the server's rule, and a consumer outlives a pull": [
    atMost(pullHeartbeatMs * 2, pullExpiresMs),
    below(pullExpiresMs, logLimits.consumerIdleMs),
    atMost(boundedPullHeartbeatMs * 2, boundedPullExpiresMs),
    // An end that is not hasty must be possible for both kinds of read.
    atMost(pullHeartbeatMs, boundedPullExpiresMs),
    atMost(logLimits.readRetryMinMs, logLimits.readRetryMaxMs),
  ],
  "one pull fits into a tenant's queue, and what is in flight came out of it": [
    atMost(logLimits.pullMax, runtimeLimits.tenantQueueMax),
    atMost(runtimeLimits.tenantInFlightMax, runtimeLimits.tenantQueueMax),
  ],
  "a page of a range holds at least one record of the largest size": [
    atMost(recordBytesMax, logLimits.rangePageBytesMax),
    atMost(docsMessageBytesMax, logLimits.rangePageBytesMax),
  ],
  "a stream at its smallest still holds several of its largest messages": [
    atMost(recordBytesMax * 4, logLimits.streamBytesMin),
    atMost(logLimits.streamBytesMin, docsBytesMax),
    atMost(logLimits.streamBytesMin, chunksBytesMax),
    atMost(logLimits.streamBytesMin, logLimits.headsBytesMax),
    atMost(logLimits.streamBytesMin, logLimits.manifestsBytesMax),
  ],
  "a new log that finds its room taken still has time to make do with less": [
    atMost(logLimits.roomKnownMs * 2, logLimits.natsConnectMs),
  ],
  "a stop waits for an append whose answer is late": [
    below(logLimits.publishAckMs, runtimeLimits.stopMs),
  ],
  "a stop still closes what does not drain": [below(logLimits.natsDrainMs, runtimeLimits.stopMs)],
};

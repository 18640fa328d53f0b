/** Change streams: what a source may hold, how long mapping may take, how far it may run ahead. */

import { clusterLimits } from "./cluster.ts";
import { documentLimits } from "./documents.ts";
import { publishingLimits } from "./publishing.ts";
import { atMost, below, type Relations } from "./relation.ts";
import { KiB, MiB, minuteMs, secondMs } from "./units.ts";

export const sourceLimits = {
  /** Every node holds all definitions, and looks at each of them twice a second. */
  sourcesMax: 256,
  sourceExpressionCharsMax: 32 * KiB,
  /** Options of an expression (`--set`): column names and prefixes. */
  sourceOptionsMax: 32,
  sourceOptionCharsMax: 512,
  /** What the bucket of definitions and states may take: 256 of each, at their largest. */
  sourceBucketBytesMax: 32 * MiB,
  /** Pointers and reasons, some 300 bytes each; the oldest leave first. */
  sourceLettersBytesMax: 32 * MiB,
  /** Of one source, in `freshet source show`. */
  sourceLettersShown: 20,
  sourceFailureCharsMax: 500,
  /** Reasons by which skipped events are counted apart, of one source; more count together. */
  sourceSkipReasonsMax: 16,

  // --- mapping -------------------------------------------------------------------------------
  /**
   * What one event's mapping may compute: a regular expression that does not come back cannot be
   * interrupted, only its thread can be ended. By the time of the processor: on a machine that is
   * busy an innocent event would be given up.
   */
  mapDeadlineMs: secondMs,
  /** By the clock, also when the thread computes little: the events behind it wait. */
  mapStarvedMs: 20 * secondMs,
  /** The first thread of a busy machine takes seconds to load. */
  mapReadyMs: 20 * secondMs,
  /** Calls within calls of an expression: what recursion over a body needs, and no more. */
  mapDepthMax: 400,
  /** Values of one list while an expression runs. */
  mapSequenceMax: 100_000,
  mapHeapMiBMax: 256,
  /** A thread without an event for so long ends: there may be hundreds of sources. */
  mapIdleMs: minuteMs,
  /** A push to GitHub names at most 2048 commits. */
  mapOperationsMax: 2_048,
  /** All operations of one event. */
  mapOutputBytesMax: 16 * MiB,
  /** Body of one event: what a webhook's sender may send (GitHub: 25 MB, nearly all below 1 MB). */
  sourceEventBytesMax: 4 * MiB,
  /** For a copy of the letters that lags: elections of a cluster take 4 to 8 s. */
  sourceReadMs: 10 * secondMs,

  // --- webhooks ------------------------------------------------------------------------------
  /** A definition that was looked up is believed so long: what a stranger's request costs. */
  webhookLookupMs: secondMs,
  /** Names that were looked up; most are wrong when there are many. */
  webhookLookupsMax: 1_024,
  /** A signed time that is further away is a replay, as Standard Webhooks advises. */
  webhookToleranceMs: 5 * minuteMs,
  /** What a sender may call its delivery; longer ones are hashed. */
  webhookDeliveryCharsMax: 128,

  // --- reading -------------------------------------------------------------------------------
  /** Events in hand: what a crash reads again, at most. */
  sourceInHandMax: 256,
  /** The broker gives an event out again after so long without a word about it. */
  sourceAckWaitMs: 6 * secondMs,
  /** So often what is in hand is said to be in work. */
  sourceWorkingEveryMs: 2 * secondMs,
  /** Operations of a source that wait for their PubAck. */
  sourcePublishesInFlightMax: 64,
  /** A source waits while its tenant has more operations in DOCS than this to take in (I9). */
  sourceBehindMax: 4_096,
  sourceBehindPollMs: 200,
  /** How often the node looks which sources are its own. */
  sourceLookEveryMs: 500,
  /** How often all of them are read without being told: a few requests. */
  sourceListEveryMs: 30 * secondMs,
  /** How often the lag of a node's sources is asked for: one request each. */
  sourceMeasureEveryMs: 5 * secondMs,
  sourceRetryMinMs: 250,
  sourceRetryMaxMs: 30 * secondMs,
  /** How often counts are stored: what a crash may forget of them. */
  sourceStateEveryMs: secondMs,
} as const;

export const sourceRelations: Relations = {
  "an event that its machine lets run a twentieth of the time is mapped": [
    atMost(sourceLimits.mapDeadlineMs * 20, sourceLimits.mapStarvedMs),
  ],
  "an event whose mapping hangs is given up before the broker gives it out again": [
    below(sourceLimits.mapDeadlineMs * 2, sourceLimits.sourceAckWaitMs),
  ],
  "the broker hears of what is in work twice before it gives it out again": [
    below(sourceLimits.sourceWorkingEveryMs * 2, sourceLimits.sourceAckWaitMs),
  ],
  "what a lost owner had in hand is given out again by the time that another one has the lease": [
    below(sourceLimits.sourceAckWaitMs, clusterLimits.leaseMs),
  ],
  "what one event brings holds the largest document": [
    atMost(documentLimits.httpDocumentBytesMax, sourceLimits.mapOutputBytesMax),
  ],
  "a source that retries asks again within the duplicate window": [
    below(sourceLimits.sourceRetryMaxMs * 2, publishingLimits.duplicateWindowMs),
    atMost(sourceLimits.sourceRetryMinMs, minuteMs),
  ],
};

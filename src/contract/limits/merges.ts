/** Merges, scrubs, sweeps and retention. */

import { clusterLimits } from "./cluster.ts";
import { coldLimits } from "./cold.ts";
import { logLimits } from "./log.ts";
import { publishingLimits } from "./publishing.ts";
import { atMost, below, multipleOf, type Relations } from "./relation.ts";
import { chunksPerDocumentMax, textLimits, vectorBytes } from "./text.ts";
import { dayMs, hourMs, MiB, minuteMs, secondMs } from "./units.ts";

export const mergeLimits = {
  /** Unmerged chunks of a tenant that start a merge by size. */
  mergeSizeChunks: 2_048,
  /** Age of a tenant's oldest unmerged record that starts a merge. */
  mergeAgeMs: 15 * minuteMs,
  /** Of a re-embedding: texts that are embedded and appended together. */
  reembedPageTexts: 64,
  /** Records of such a page: deletes have no text. */
  reembedPageRecords: 256,
  /** So long one activity of it works before it reports: what a pause waits for, and progress. */
  reembedTurnMs: 30 * secondMs,
  /** So many times longer is a turn that had as long to read before its first page: all of cold. */
  reembedTurnStretchMax: 8,
  /** Texts a second, unless it is told: a part of what one core embeds, beside questions. */
  reembedTextsPerS: 50,
  reembedTextsPerSMax: 100_000,
  /** Questions that a comparison makes of documents, unless it is told; and at most. */
  reembedQuestions: 50,
  reembedQuestionsMax: 1_000,
  /** Of such a question: about a sentence. */
  reembedQuestionChars: 200,
  /**
   * A generation that is so far behind at most takes over while operations come. Questions wait for
   * it, twice as long at most, so it is less than a reader finds long.
   */
  generationLagMs: 2 * secondMs,
  /** A cut-over waits so long for the generation that takes over: both are fed at once. */
  reembedCutWaitMs: 10 * secondMs,
  /** `reembed start` waits so long for a worker to look at the model: it may have to load it. */
  reembedBeginWaitMs: 15 * secondMs,
  /** While the model or cold is away, or an owner still appends. */
  reembedRetryMaxMs: 30 * secondMs,
  /** Turns of one workflow run before it continues as new. */
  reembedTurnsPerRunMax: 200,
  /** A model stays loaded so long after its last turn in a merge worker. */
  reembedModelKeptMs: minuteMs,
  /** How often the sweep looks for tenants that are due by age. */
  mergeSweepEveryMs: minuteMs,
  /** A node asks for a tenant's merge so often at most; signals in between say nothing new. */
  mergeRequestEveryMs: 10 * secondMs,
  /** Records of one merge: bounds the workflow's activities and what a retry repeats. */
  mergeRecordsMax: 4_096,
  /**
   * Objects of one merge page. Four in flight write as much as eight (2,000 objects, two cores: 5.6
   * against 4.9 thousand a second), and a search beside them waits half as long; two write less.
   */
  mergePageObjects: 250,
  mergePagesInFlight: 4,
  /** Between commit and drop: questions that began with the old watermark finish on hot. */
  mergeGraceMs: 5 * secondMs,
  /** Then what a record supersedes in cold is deleted: above an append's attempts and a lease. */
  mergeSettleMs: 90 * secondMs,
  /**
   * From a commit to the second look at what it merged, until which hot keeps it: above
   * `mergeHeartbeatMs` and `coldRequestMs` together, after which no earlier attempt that was told
   * of its end has a request on its way.
   */
  mergeConfirmMs: 90 * secondMs,
  /**
   * Beyond it a confirmation that has not moved is asked for by the sweep: its workflow may be
   * gone. One whose looks fail is asked in vain so often, which costs a signal.
   */
  mergeConfirmPatienceMs: 2 * minuteMs,
  /**
   * A document leaves heads and cold so long after it has expired: a worker whose clock is ahead
   * takes nothing away that an owner still shows.
   */
  mergeExpiryMarginMs: 90 * secondMs,
  /** Expired objects that one merge takes out: Weaviate's QUERY_MAXIMUM_RESULTS. */
  mergeExpiredMax: 10_000,
  /** A tenant's cold shard is compared with its log so often. */
  scrubEveryMs: dayMs,
  /**
   * Each tenant has its place in the day, and so often a sweep asks those whose place has come: of
   * 10,000 tenants 35. All at once they would hold the activity slots for hours, and merges would
   * wait for them.
   */
  scrubSlotMs: 5 * minuteMs,
  /** Objects that one activity of a scrub walks: some seconds; 100 million are 2,000 of them. */
  scrubWindowObjects: 50_000,
  /** Merges wait so long for a scrub; hot has room for it. Then they go first. */
  scrubExclusiveMs: 2 * minuteMs,
  /**
   * Merges of one workflow run before it continues as new: its history stays below 10,000 events.
   */
  mergesPerRunMax: 50,
  /** A dead letter can be sent again, and a lost cold shard be rebuilt: it outlasts a weekend. */
  replayWindowMs: 3 * dayMs,
  /** How often retention looks: each time costs some requests a tenant. */
  retentionEveryMs: hourMs,
  /** Tenants that one call of retention looks at: some seconds, and what a retry repeats. */
  retentionTenantsMax: 500,
  /** Tenants signalled by one sweep activity call. */
  sweepTenantsMax: 10_000,
  /** Objects of one merge: bounds its time together with `mergeRecordsMax`. */
  mergeChunksMax: 65_536,
  /**
   * Objects that one write activity writes before it reports: progress is seen and a retry repeats
   * no more. Each window ends by waiting for its last pages with fewer in flight: with 2,048 that
   * cost a third of a merge's speed.
   */
  mergeWindowObjects: 8_192,
  /**
   * Documents of one merge that cold may refuse for good, each with a dead letter. Their positions
   * travel through the workflow's history: 20 bytes each, five times at most. More mean that
   * something else is wrong, so the merge fails.
   */
  mergeRefusedMax: 256,
  /** A merge is verified and rewritten at most so often before it is planned again. */
  mergePassesMax: 3,
  /**
   * A worker that is silent for so long is dead: its activity starts elsewhere. A healthy one may
   * stand still between two beats for the difference (a garbage collection, a million heads being
   * sorted) without becoming a zombie.
   */
  mergeHeartbeatMs: 30 * secondMs,
  /** How often it beats; the SDK would hold beats back for 0.8 of the time above. */
  mergeHeartbeatEveryMs: 5 * secondMs,
  /** One attempt of a merge activity: far above a window's writes at the slowest cold measured. */
  mergeActivityMs: 10 * minuteMs,
  /** Attempts inside Temporal before the workflow itself says what is wrong and waits longer. */
  mergeActivityAttemptsMax: 4,
  mergeRetryMinMs: secondMs,
  /** Temporal knows a version some seconds after its first worker began to poll. */
  workerCurrentMs: 30 * secondMs,
  mergeRetryMaxMs: 5 * minuteMs,
  /** A merge workflow without work completes after this; the next signal starts it again. */
  mergeIdleMs: 10 * secondMs,
  /** The longest an operator's `force` waits for its outcome. */
  mergeForceMs: 10 * minuteMs,
  /** The longest that any other update of a merge workflow waits: a preview reads log and cold. */
  mergeUpdateMs: minuteMs,
  /** Activities that one merge worker runs at once, of different tenants. */
  mergesInFlightMax: 4,
  /** When the worker stops, running activities have so long to end; then they are cancelled. */
  mergeShutdownMs: secondMs,
  /** The longest pause before a worker without Temporal tries again. */
  temporalReconnectMaxMs: 15 * secondMs,
  /** One request to Temporal's frontend. */
  temporalRequestMs: 5 * secondMs,
} as const;

const {
  mergeSizeChunks,
  mergeAgeMs,
  mergeSweepEveryMs,
  mergePageObjects,
  mergeChunksMax,
  mergeWindowObjects,
  mergeHeartbeatMs,
  mergeActivityMs,
  scrubEveryMs,
  replayWindowMs,
  retentionEveryMs,
} = mergeLimits;
const { coldIdsPerRequestMax, coldRequestMs } = coldLimits;

/** An object of a page: its vector, and text of a chunk at several bytes a token. */
const objectBytes = vectorBytes + textLimits.chunkTokensMax * 16;
/** Windows, and the other steps of a merge; each is three events of the history. */
const activitiesPerMerge = Math.ceil(mergeChunksMax / mergeWindowObjects) + 5;
const eventsPerActivity = 3;
const appendMs = logLimits.appendAttemptsMax * 2 * logLimits.publishAckMs;

export const mergeRelations: Relations = {
  "a size-triggered merge, and a merge of one largest document, fit into one merge": [
    below(mergeSizeChunks, mergeChunksMax),
    below(chunksPerDocumentMax, mergeChunksMax),
  ],
  "pages in flight are a part of a window, and a window a part of a merge": [
    atMost(mergePageObjects * mergeLimits.mergePagesInFlight, mergeWindowObjects),
    atMost(mergeWindowObjects, mergeChunksMax),
  ],
  "requests to Weaviate stay below QUERY_MAXIMUM_RESULTS and 10 MiB of gRPC": [
    atMost(coldIdsPerRequestMax, 10_000),
    atMost(mergePageObjects, coldIdsPerRequestMax),
    below(mergePageObjects * objectBytes, 10 * MiB),
  ],
  "an activity beats several times before it counts as dead, and dies before it times out": [
    below(mergeHeartbeatMs * 4, mergeActivityMs),
    // A healthy worker may stand still so long between two beats: any pause but that of a stop.
    below(mergeLimits.mergeHeartbeatEveryMs * 4, mergeHeartbeatMs),
    below(coldRequestMs, mergeActivityMs),
    atMost(mergeLimits.mergeRetryMinMs, mergeLimits.mergeRetryMaxMs),
  ],
  "a merge stays in the history bound: windows, passes and merges of one run": [
    below(mergeLimits.mergesPerRunMax * activitiesPerMerge * eventsPerActivity, 10_000),
  ],
  "a merge is confirmed when no attempt that heard of its end can have a request left (CF1)": [
    below(mergeHeartbeatMs + coldRequestMs, mergeLimits.mergeConfirmMs),
  ],
  "what is superseded stays until no owner that answers can lack its successor (CS2)": [
    below(appendMs + clusterLimits.leaseMs, mergeLimits.mergeSettleMs),
  ],
  "a scrub keeps merges waiting for less than makes them due, and comes rarer than they do": [
    below(mergeLimits.scrubExclusiveMs, mergeAgeMs),
    below(mergeAgeMs, scrubEveryMs),
    below(coldIdsPerRequestMax, mergeLimits.scrubWindowObjects),
  ],
  "the sweep looks more often than records become due, or a confirmation late": [
    below(mergeSweepEveryMs, mergeAgeMs),
    below(mergeSweepEveryMs, mergeLimits.mergeConfirmPatienceMs),
  ],
  "retention keeps what message ids are rebuilt from, and what a merge by age still needs": [
    atMost(publishingLimits.duplicateWindowMs * 2, replayWindowMs),
    below(mergeAgeMs * 4, replayWindowMs),
  ],
  "retention looks far more often than its window moves, at a multiple of its sweep": [
    below(retentionEveryMs * 10, replayWindowMs),
    multipleOf(retentionEveryMs, mergeSweepEveryMs),
  ],
};

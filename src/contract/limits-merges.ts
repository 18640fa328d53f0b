/** Bounds of merges, scrubs, sweeps and retention: part of `limits` (limits.ts), which is where they are read. */

const secondMs = 1000;
const minuteMs = 60 * secondMs;

export const mergeLimits = {
  /** Unmerged chunks of a tenant that start a merge by size. */
  mergeSizeChunks: 2_048,
  /** Age of a tenant's oldest unmerged record that starts a merge. */
  mergeAgeMs: 15 * minuteMs,
  /** How often the sweep looks for tenants that are due by age. */
  mergeSweepEveryMs: minuteMs,
  /** A node asks Temporal for a tenant's merge at most so often; signals in between say nothing new. */
  mergeRequestEveryMs: 10 * secondMs,
  /** Records of one merge: bounds the workflow's activities and what a retry repeats. */
  mergeRecordsMax: 4_096,
  /** Objects of one merge page: eight in flight hide the client's 500 ms sleep. */
  mergePageObjects: 250,
  mergePagesInFlight: 8,
  /** Between commit and drop: questions that began with the old watermark finish on hot. */
  mergeGraceMs: 5 * secondMs,
  /** Before what a record supersedes in cold is deleted: above an append's unresolved time and `leaseMs` together. */
  mergeSettleMs: 90 * secondMs,
  /**
   * From a commit to the second look at what it merged, until which hot keeps it: above `mergeHeartbeatMs` and
   * `coldRequestMs` together, after which no earlier attempt that was told of its end has a request on its way.
   */
  mergeConfirmMs: 90 * secondMs,
  /** A tenant's cold shard is compared with its log so often. */
  scrubEveryMs: 24 * 60 * minuteMs,
  /**
   * Each tenant has its place in the day, and so often a sweep asks those whose place has come: of 10,000 tenants 35. All
   * at once they would hold the activity slots for hours, and merges would wait behind them.
   */
  scrubSlotMs: 5 * minuteMs,
  /** Objects that one activity of a scrub walks: some seconds, and the history of 100 million is 2,000 of them. */
  scrubWindowObjects: 50_000,
  /** Merges wait so long for a scrub; hot has room for it. Then they go first. */
  scrubExclusiveMs: 2 * minuteMs,
  /** Ids of one delete or read-back request: below Weaviate's QUERY_MAXIMUM_RESULTS of 10,000. */
  coldIdsPerRequestMax: 1_000,
  coldRequestMs: 30 * secondMs,
  /**
   * An object whose failure Weaviate words in a way that we do not know counts as refused after so many writes that its
   * neighbours passed, with so long a pause between them: what is short of something for a moment has it again by then.
   */
  coldRefusalsMax: 5,
  coldRefusalPauseMs: secondMs,
  /** Weaviate answers a readiness probe at once or is not there. */
  coldConnectMs: 3 * secondMs,
  /** A slower operation is accompanied by readiness probes: the client's own retries take half a minute to give up. */
  coldProbeEveryMs: secondMs,
  /** While Weaviate is down it is asked again after these pauses; in between callers are refused at once. */
  coldReconnectMinMs: 100,
  coldReconnectMaxMs: 2 * secondMs,
  /** A tenant's marker is looked for so often while questions come: so late is a lost cold shard declared. */
  coldMarkerEveryMs: 10 * secondMs,
  /** Hits fetched at most when a filter can not be told to Weaviate whole and is checked here. */
  coldOverFetchMax: 4_096,
  /** Objects of one document that are looked at for stale versions; Weaviate's QUERY_MAXIMUM_RESULTS. */
  coldDocumentObjectsMax: 10_000,
  /** Tenants that are remembered as existing in Weaviate; above it the memory starts anew. */
  coldTenantsCachedMax: 10_000,
  /** Merges of one entity workflow run before it continues as new: history stays below 10,000 events. */
  mergesPerRunMax: 50,
  /** So long a dead letter can be sent again, and a cold shard that lost data be rebuilt: it outlasts a weekend. */
  replayWindowMs: 72 * 60 * minuteMs,
  /** How often retention looks: each time costs some requests a tenant. */
  retentionEveryMs: 60 * minuteMs,
  /** Tenants that one call of retention looks at: some seconds of work, and what a retry repeats. */
  retentionTenantsMax: 500,
  /** Tenants signalled by one sweep activity call. */
  sweepTenantsMax: 10_000,
  /** Objects of one merge: bounds its time together with `mergeRecordsMax`. */
  mergeChunksMax: 65_536,
  /**
   * Objects that one write activity writes before it reports: progress is seen and a retry repeats no more. Each window
   * ends by waiting for its last pages with fewer in flight: with 2,048 that cost a third of a merge's speed.
   */
  mergeWindowObjects: 8_192,
  /**
   * Documents of one merge that cold may refuse for good, each with a dead letter. Their positions travel through the
   * workflow's history: 20 bytes each, five times at most. More mean that something else is wrong, so the merge fails.
   */
  mergeRefusedMax: 256,
  /** A merge is verified and rewritten at most so often before it is planned again. */
  mergePassesMax: 3,
  /**
   * A worker that is silent for so long is dead: its activity starts elsewhere. A healthy one may stand still between
   * two beats for the difference (a garbage collection, a million heads being sorted) without becoming a zombie.
   */
  mergeHeartbeatMs: 30 * secondMs,
  /** How often it beats; the SDK would hold beats back for 0.8 of the time above. */
  mergeHeartbeatEveryMs: 5 * secondMs,
  /** One attempt of a merge activity: far above a window's writes at the slowest cold that was measured. */
  mergeActivityMs: 10 * minuteMs,
  /** Attempts inside Temporal before the workflow itself says what is wrong and waits longer. */
  mergeActivityAttemptsMax: 4,
  mergeRetryMinMs: secondMs,
  mergeRetryMaxMs: 5 * minuteMs,
  /** A merge workflow without work completes after this; the next signal starts it again. */
  mergeIdleMs: 10 * secondMs,
  /** The longest an operator's `force` waits for its outcome. */
  mergeForceMs: 10 * minuteMs,
  /** The longest that any other update of a merge workflow waits: a preview reads log and cold. */
  mergeUpdateMs: minuteMs,
  /** Activities that one merge worker runs at once, of different tenants. */
  mergesInFlightMax: 4,
  /** Running activities may end by themselves so long when the worker stops; then they are cancelled. */
  mergeShutdownMs: secondMs,
  /** The longest pause before a worker without Temporal tries again. */
  temporalReconnectMaxMs: 15 * secondMs,
  /** One request to Temporal's frontend. */
  temporalRequestMs: 5 * secondMs,
} as const;

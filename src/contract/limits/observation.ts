/** Traces, and the canary that measures freshness all the time. */

import { questionLimits } from "./questions.ts";
import { atMost, below, type Relations } from "./relation.ts";
import { minuteMs, secondMs } from "./units.ts";

export const observationLimits = {
  // --- Traces --------------------------------------------------------------------------------
  /** Spans that wait to be sent; above it they are dropped, work is not held up for them. */
  traceQueueSpansMax: 4_096,
  traceBatchSpansMax: 512,
  /** Soon enough for somebody who looks at what just happened. */
  traceEveryMs: 1 * secondMs,
  /** One request to the collector, and the wait of a stop for it. */
  traceExportMs: 3 * secondMs,
  /** Spans that a batch of embeddings names: as many as it has texts, at most. */
  spanLinksMax: 64,

  // --- Metrics of a merge worker -----------------------------------------------------------------
  /** A few scrapers, and people who look. */
  metricsConnectionsMax: 16,

  /** Certificates live for days: how often their ends are read again. */
  certificateExpiryEveryMs: 1 * minuteMs,

  // --- Canary --------------------------------------------------------------------------------
  /**
   * From one document to the next of a partition: 20 in the shortest window of a rule. Each takes
   * some 5 ms of a core and 3 kB of the log, which keeps it for the replay window: 140 MB a day
   * with eight partitions.
   */
  canaryEveryMs: 15 * secondMs,
  /** A document that is not found, or not gone, after so long has failed. */
  canaryWaitMs: 30 * secondMs,
  /** Canaries of a node that run at once; those of an outage last for `canaryWaitMs` each. */
  canariesAtOnceMax: 16,
} as const;

/** Of the rules in ops/prometheus. */
const shortestWindowMs = 5 * minuteMs;

const own = observationLimits;

export const observationRelations: Relations = {
  "what is sent at once fits the queue": [below(own.traceBatchSpansMax, own.traceQueueSpansMax)],
  "a burn rate rests on many canaries also in its shortest window": [
    atMost(own.canaryEveryMs * 12, shortestWindowMs),
  ],
  "the canary's question may wait as long as the canary": [
    atMost(own.canaryWaitMs, questionLimits.waitMsMax),
  ],
};

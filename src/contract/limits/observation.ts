/** Traces, and the canary that measures freshness all the time. */

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

  // --- Canary --------------------------------------------------------------------------------
  /** From one document to the next of a partition: 12 samples in the shortest window of the SLO. */
  canaryEveryMs: 5 * secondMs,
  /** A document that is not found, or not gone, after so long has failed. */
  canaryWaitMs: 30 * secondMs,
  /** How often it is asked for while it is not there: the error of a measurement. */
  canaryPollMs: 5,
  canaryPollMaxMs: 250,
  /** Canaries of a node that run at once. */
  canariesAtOnceMax: 4,
  /** Shortest window of an SLO rule. */
  sloWindowMs: 5 * minuteMs,
} as const;

const own = observationLimits;

export const observationRelations: Relations = {
  "what is sent at once fits the queue": [
    below(own.traceBatchSpansMax, own.traceQueueSpansMax),
  ],
  "a burn rate rests on many canaries also in its shortest window": [
    atMost(own.canaryEveryMs * 12, own.sloWindowMs),
    atMost(own.canaryPollMs, own.canaryPollMaxMs),
    below(own.canaryPollMaxMs, own.canaryWaitMs),
  ],
};

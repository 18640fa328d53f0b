/** Actors: their queues, their restarts, and the end of a process. */

import { atMost, below, type Relations } from "./relation.ts";
import { minuteMs, secondMs } from "./units.ts";

export const runtimeLimits = {
  /**
   * Operations of one tenant between the reader and its record; above it the tenant reads alone.
   */
  tenantQueueMax: 256,
  /** Tenants of a node that replay at once: round trips are hidden, memory and consumers few. */
  recoveriesInFlightMax: 16,
  /** Documents of a tenant prepared and embedded at once; their order returns before the append. */
  tenantInFlightMax: 64,
  /** Records that a tenant view may have waiting; senders wait above it. */
  shardMailboxMax: 1_024,
  partitionMailboxMax: 1_024,
  embedderMailboxMax: 4_096,
  queryMailboxMax: 64,
  mergeTriggerMailboxMax: 1_024,
  /**
   * First and longest pause before an actor is started again, and how many in the window escalate.
   */
  restartBackoffMinMs: 100,
  restartBackoffMaxMs: 10 * secondMs,
  restartsMax: 8,
  restartWindowMs: minuteMs,
  /** A clean stop waits so long for actors to drain before it gives up on them. */
  stopMs: 10 * secondMs,
  /** A node that stops is seen by the other nodes' next look, and by a balancer's next one. */
  stopNoticeMs: 2 * secondMs,
  /**
   * An engine whose main thread serves nothing for so long ends: its longest work is far shorter.
   */
  mainStallMs: minuteMs,
  /**
   * So long the end of a thread waits for the native call that the thread is in: one run of a model
   * or the write of a graph takes a tenth of a second, on a busy machine ten times that.
   */
  nativeCallMsMax: 5 * secondMs,
  /**
   * A time limit that a stopped process must not lose is slept in so many parts: being stopped then
   * costs a tenth of it at most.
   */
  sleepSlices: 10,
} as const;

export const runtimeRelations: Relations = {
  "restarts back off from the shortest to the longest pause within the window": [
    atMost(runtimeLimits.restartBackoffMinMs, runtimeLimits.restartBackoffMaxMs),
    below(runtimeLimits.restartBackoffMaxMs, runtimeLimits.restartWindowMs),
  ],
};

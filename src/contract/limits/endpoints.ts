/** Webhooks that Freshet sends: how many, how patient, how much is kept of them. */

import { mergeLimits } from "./merges.ts";
import { atMost, below, multipleOf, type Relations } from "./relation.ts";
import { hourMs, KiB, MiB, minuteMs, secondMs } from "./units.ts";

/**
 * Waits before each further attempt, as Standard Webhooks advises, without its last day: an event
 * that still waits then could have left the log.
 */
export const endpointRetryWaitsMs = [
  ...[5 * secondMs, 5 * minuteMs, 30 * minuteMs],
  ...[2 * hourMs, 5 * hourMs, 10 * hourMs, 14 * hourMs, 20 * hourMs],
] as const;

export const endpointLimits = {
  /** Each has a workflow and a connection of its own. */
  endpointsPerTenantMax: 8,
  endpointsMax: 1_024,
  /** As browsers and proxies take it. */
  endpointUrlCharsMax: 2_048,
  endpointNoteCharsMax: 200,
  /** The bucket: definition, position and failures of each, at their largest. */
  endpointBucketBytesMax: 64 * MiB,
  /** Standard Webhooks asks for 24 to 64 bytes. */
  endpointSecretBytes: 32,
  /** A secret signs on for so long after its rotation: time to bring the new one to receivers. */
  endpointSecretOverlapMs: 24 * hourMs,
  /** That sign together: a new one that was lost is rotated while receivers know the first. */
  endpointSecretsMax: 4,
  /** What is added to a wait by chance, as a share of it: endpoints that failed together spread. */
  endpointRetryJitter: 0.1,
  /** A receiver's `Retry-After` counts up to here. */
  endpointRetryAfterMaxMs: hourMs,
  /** One request, from the look-up of its name to the last header: 15 to 30 s are advised. */
  endpointRequestMs: 20 * secondMs,
  endpointConnectMs: 10 * secondMs,
  /** What is read of a reply, to use its connection again; it says nothing that is used. */
  endpointReplyBytesMax: 16 * KiB,
  /** Newest failures that are kept of one webhook, some 200 bytes each. */
  endpointFailuresMax: 50,
  /**
   * One activity reads and sends for so long, then others have its place: more webhooks than
   * places wait for it.
   */
  endpointTurnMs: 2 * minuteMs,
  /**
   * A worker that is silent for so long is dead, and another one sends on. Shorter than a merge's:
   * a turn computes next to nothing, and what a worker that lives sends twice has one id.
   */
  endpointHeartbeatMs: 15 * secondMs,
  /** Webhooks that one worker serves at once; nearly all of them wait for events. */
  endpointsInFlightMax: 256,
  /** Turns of one run of the workflow: its history stays below 5,000 events. */
  endpointTurnsPerRunMax: 400,
  /** A tenant that is suspended is looked at again so often. */
  endpointRestMs: minuteMs,
  /** A position behind which only events lie that the webhook does not want is stored so often. */
  endpointSkipEveryMs: 5 * secondMs,
  /** Workers look so often for webhooks that have no workflow: Temporal was away, or forgot. */
  endpointSweepEveryMs: 5 * minuteMs,
  /** Requests of operators about webhooks at once, of all tenants of a node. */
  endpointRequestsInFlightMax: 16,
} as const;

const allWaitsMs = endpointRetryWaitsMs.reduce<number>((sum, ms) => sum + ms, 0);

export const endpointRelations: Relations = {
  "an event that is tried until the end is still in the log": [
    below(allWaitsMs * (1 + endpointLimits.endpointRetryJitter), mergeLimits.replayWindowMs),
  ],
  "a webhook's worker hears within its turn that it is cancelled": [
    below(endpointLimits.endpointRequestMs, endpointLimits.endpointTurnMs),
    below(endpointLimits.endpointConnectMs, endpointLimits.endpointRequestMs),
  ],
  "a webhook's worker may lose a beat": [
    atMost(mergeLimits.mergeHeartbeatEveryMs * 3, endpointLimits.endpointHeartbeatMs),
  ],
  "all webhooks have a place within some turns": [
    multipleOf(endpointLimits.endpointsMax, endpointLimits.endpointsInFlightMax),
    atMost(endpointLimits.endpointsMax, 8 * endpointLimits.endpointsInFlightMax),
  ],
  "the bucket has room for every webhook at its largest": [
    atMost(
      endpointLimits.endpointsMax * (8 * KiB + 2 * KiB + endpointLimits.endpointFailuresMax * 300),
      endpointLimits.endpointBucketBytesMax,
    ),
  ],
};

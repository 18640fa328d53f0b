/** Several nodes: leases of partitions, membership, and questions between peers. */

import { logLimits } from "./log.ts";
import { questionLimits } from "./questions.ts";
import { atMost, below, type Relations } from "./relation.ts";
import { MiB, secondMs } from "./units.ts";

export const clusterLimits = {
  /**
   * A partition lease lives so long without renewal; renewals come at a third of it. One whose
   * answer is lost (`publishAckMs`) must leave time for the next: with 10 s a single lost answer
   * ended the tenure.
   */
  leaseMs: 16 * secondMs,
  /** A read that proves a lease takes less than a millisecond; unanswered it is sent again. */
  leaseProofAskAgainMs: secondMs,
  /** So long a question asks a silent log who the owner is: a server's restart fits in. */
  leaseProofPatienceMs: 5 * secondMs,
  /**
   * How often a node looks who is there and what lies free: the pause of a handed-over partition.
   */
  membershipLookEveryMs: 500,
  /** A node counts after about one renewal: one that dies at its start moves nothing. */
  membershipSettleMs: 5 * secondMs,
  /** Models that a node names in its announcement, which is sent every five seconds. */
  announcedModelsMax: 64,
  /** Two lease times: a node that has not taken its partition by then will not. */
  partitionTakeAnywayMs: 32 * secondMs,
  /** How much longer than the question's deadline a peer is waited for, and for a look-up. */
  peerMarginMs: 2 * secondMs,
  /** A node that waits for a peer's answer says so at this spacing, */
  peerBeatMs: 500,
  /**
   * and has gone, for that peer, after four without: a busy machine is not taken for a dead one.
   */
  peerSilenceMs: 2 * secondMs,
  /** What is put together of one reply: 50 sources with all that documents carry are a fifth. */
  peerReplyBytesMax: 32 * MiB,
} as const;

const {
  leaseMs,
  leaseProofAskAgainMs,
  leaseProofPatienceMs,
  membershipLookEveryMs,
  membershipSettleMs,
  partitionTakeAnywayMs,
  peerBeatMs,
  peerSilenceMs,
} = clusterLimits;

export const clusterRelations: Relations = {
  "a lease survives a renewal whose answer is lost: the next one is sent in time": [
    below(2 * (leaseMs / 3) + logLimits.publishAckMs, leaseMs),
  ],
  "a node settles within a lease, so that what it joins for is not over before it counts": [
    below(membershipLookEveryMs * 2, membershipSettleMs),
    below(membershipSettleMs, leaseMs),
    atMost(2 * leaseMs, partitionTakeAnywayMs),
    // A proof that is waited for outlasts a lost answer, and a question outlasts the proof.
    atMost(4 * leaseProofAskAgainMs, leaseProofPatienceMs),
    below(leaseProofPatienceMs, questionLimits.deadlineMsDefault),
    atMost(4 * peerBeatMs, peerSilenceMs),
  ],
};

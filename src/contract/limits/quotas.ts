/** Quotas of tenants: how they are read, enforced and reported. */

import { clusterLimits } from "./cluster.ts";
import { documentLimits } from "./documents.ts";
import { atMost, below, type Relations } from "./relation.ts";
import { MiB, minuteMs, secondMs } from "./units.ts";

export const quotaLimits = {
  /** Of a file of quotas: 300 bytes for each tenant of the largest installation, and keys. */
  quotasFileBytesMax: 20 * MiB,
  /** A change of the file holds after at most so long: one `stat` in between costs nothing. */
  quotasCheckMs: 2 * secondMs,
  /** Credentials that a node counts apart, some 300 bytes each; the least recently used go. */
  quotaCredentialsMax: 20_000,
  /**
   * A node that takes a document over HTTP asks the tenant's owner so long; then it decides by
   * itself, since a publish needs no owner.
   */
  quotaAskMs: 1 * secondMs,
  /** What was admitted over HTTP reaches its owner through the log within this, mostly at once. */
  quotaCreditMs: 1 * minuteMs,
  /** What `Retry-After` says where only a merge, a delete or an operator makes room. */
  quotaRoomRetryMs: 1 * minuteMs,
  /** A delete is smaller; of a larger payload that waits for its turn nothing is looked at. */
  quotaDeleteBytesMax: 4_096,
  /** Rates of `freshet tenant show` are over a minute, in slots: they are so old at most. */
  usageWindowMs: 1 * minuteMs,
  usageSlots: 12,
  /** Credentials of a tenant whose tokens are counted apart, some 100 bytes each in the log. */
  tokenCredentialsMax: 256,
  /** The day's tokens are stored at most so often: an owner that dies forgets no more. */
  usageStoreEveryMs: 5 * secondMs,
  /** Cold is asked how much it holds of a tenant with such a quota at most so often. */
  storedChunksEveryMs: 30 * secondMs,
} as const;

export const quotaRelations: Relations = {
  "an owner that does not answer costs a publish less than a lease": [
    below(quotaLimits.quotaAskMs, clusterLimits.leaseMs),
  ],
  "the id of every delete fits what is looked at": [
    atMost(quotaLimits.quotaDeleteBytesMax, documentLimits.httpDocumentBytesMax),
  ],
};

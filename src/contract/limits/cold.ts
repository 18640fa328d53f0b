/** The cold shard: requests to Weaviate, its outages, and what it refuses. */

import { KiB, MiB, secondMs } from "./units.ts";

export const coldLimits = {
  /** Ids of one delete or read-back request: below Weaviate's QUERY_MAXIMUM_RESULTS of 10,000. */
  coldIdsPerRequestMax: 1_000,
  coldRequestMs: 30 * secondMs,
  /**
   * What needs the leader of several nodes. Where that died, what waits for it hangs for good, and
   * asked again is answered by the next one, which is elected in 2 to 8 s.
   */
  coldClusterSchemaMs: 8 * secondMs,
  /** Looks whether a node has heard of a tenant, or of its end, within that time. */
  coldClusterLooksMax: 50,
  coldClusterLookEveryMs: 100,
  /**
   * An object whose failure Weaviate words in a way that we do not know counts as refused after so
   * many writes that its neighbours passed, with so long a pause between them: what is short of
   * something for a moment has it again by then.
   */
  coldRefusalsMax: 5,
  coldRefusalPauseMs: secondMs,
  /** Weaviate answers a readiness probe at once or is not there. */
  coldConnectMs: 3 * secondMs,
  /** A slower operation is accompanied by probes: the client's own retries take half a minute. */
  coldProbeEveryMs: secondMs,
  /** While Weaviate is down it is asked after these pauses; in between callers are refused. */
  coldReconnectMinMs: 100,
  coldReconnectMaxMs: 2 * secondMs,
  /**
   * While questions go to cold, a tenant's marker is looked for so often: a lost shard is declared.
   * Less than a node takes to end, to lose its disk, to serve again and to be given so many chunks
   * by merges that a search finds as many as it asks for: where it finds fewer, it looks itself.
   */
  coldMarkerEveryMs: 1 * secondMs,
  /** While none goes there, because all of the tenant is in memory. */
  coldMarkerAtRestEveryMs: 10 * secondMs,
  /** Hits fetched at most when a filter cannot be told to Weaviate whole and is checked here. */
  coldOverFetchMax: 4_096,
  /** One reply of a search: what Weaviate's own client takes. Most have a few hundred KiB. */
  coldReplyBytesMax: 100 * MiB,
  /** What Weaviate may send of one reply, and of all together, before it hears that it was read. */
  coldReplyWindowBytes: 1024 * KiB,
  coldChannelWindowBytes: 32 * MiB,
  /** Objects of a document looked at for stale versions; Weaviate's QUERY_MAXIMUM_RESULTS. */
  coldDocumentObjectsMax: 10_000,
  /** Tenants that are remembered as existing in Weaviate; above it the memory starts anew. */
  coldTenantsCachedMax: 10_000,
} as const;

/**
 * Where a test replaces a part of the real code by a wrong one, to show that the simulation can
 * fail.
 */

import type { MergePorts } from "../../activities/context.ts";
import type { MergeActivities } from "../../src/contract/merge-steps.ts";
import type { HotShard } from "../../src/hot/port.ts";
import type { ChainCheck } from "../../src/log/chain.ts";
import type { MemoryLog } from "../../src/log/memory/log.ts";
import type { ChunksRange, StoredManifest } from "../../src/log/port.ts";

export interface Plant {
  readonly log: (log: MemoryLog) => MemoryLog;
  readonly createChain: ((range: ChunksRange) => ChainCheck) | undefined;
  readonly activities: (activities: MergeActivities, ports: MergePorts) => MergeActivities;
  readonly hot: (shard: HotShard) => HotShard;
  /** What an owner that hears of a manifest takes it for. */
  readonly told: (stored: StoredManifest) => StoredManifest;
  /** Whether a search that was begun without cold is refused when the tenant is not resident. */
  readonly checksResident: boolean;
  /** Whether readers drop cold hits that the heads do not name. */
  readonly masks: boolean;
  /**
   * Whether a node proves that it still is the owner before it answers; otherwise it believes its
   * lease.
   */
  readonly proves: boolean;
}

/** The real code, all of it. */
export const noPlant: Plant = {
  log: (log) => log,
  createChain: undefined,
  activities: (activities) => activities,
  hot: (shard) => shard,
  told: (stored) => stored,
  checksResident: true,
  masks: true,
  proves: true,
};

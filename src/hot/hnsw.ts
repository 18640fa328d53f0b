/** Hot shards with HNSW graphs for big tenants; the graphs are built in threads of this process. */

import { limits } from "../contract/limits.ts";
import type { Logger } from "../contract/observation.ts";
import { createHnswBuilder } from "./hnsw-builder.ts";
import { createHotShard } from "./hot-shard.ts";
import type { HotShardFactory } from "./port.ts";
import { createVectorMemory } from "./simd.ts";

export interface HotShardFactoryOptions {
  /** For hnswlib's index files, such as the temporary folder; emptied as it goes. */
  readonly directory: string;
  readonly logger: Logger;
  /**
   * Chunks outside of graphs above which one is built; `limits.hotFlatMax` unless a test needs
   * less.
   */
  readonly flatMax?: number | undefined;
  /** Where a scan is taken for cheaper than a walk (nearest.ts), unless a test needs less. */
  readonly scanBelow?: number | undefined;
}

/** All shards that the factory makes share one memory, and one builder thread at a time. */
export function createHotShardFactory(options: HotShardFactoryOptions): HotShardFactory {
  const builder = createHnswBuilder(options.directory);
  const flatMax = options.flatMax ?? limits.hotFlatMax;
  const memory = createVectorMemory();
  return ({ dimensions, exact = false }) =>
    createHotShard({
      memory,
      dimensions,
      flatMax: exact ? Number.POSITIVE_INFINITY : flatMax,
      scanBelow: options.scanBelow,
      builder,
      onBuildFailed(error) {
        // Slower, never wrong: the shard scans exactly what no graph holds.
        options.logger.warn({ error }, "a graph could not be built");
      },
    });
}

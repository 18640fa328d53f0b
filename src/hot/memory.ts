/**
 * Hot shards without graphs: always exact, no threads and no files. For tests and small
 * installations.
 */

import { createHotShard } from "./hot-shard.ts";
import type { HotShardFactory } from "./port.ts";
import { createVectorMemory } from "./simd.ts";

export function createExactHotShardFactory(): HotShardFactory {
  const memory = createVectorMemory();
  return ({ dimensions }) =>
    createHotShard({ memory, dimensions, flatMax: Number.POSITIVE_INFINITY });
}

/** Hot shards filled for measuring, in a state that is said and not left to chance. */

import { join } from "node:path";
import { type DocumentId, type Position, type Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Arena } from "../../src/hot/arena.ts";
import type { GraphBuilder } from "../../src/hot/graph.ts";
import { createHnswBuilder } from "../../src/hot/hnsw-builder.ts";
import { createHotShard } from "../../src/hot/hot-shard.ts";
import type { HotDocument, HotShard } from "../../src/hot/port.ts";
import { createVectorMemory } from "../../src/hot/simd.ts";
import { dimensions } from "./models.ts";

/** The tail when a shard is looked at: on its way from empty to the size at which a graph is built. */
export const tailRows = limits.hotFlatMax / 2;

export interface FilledShard {
  readonly shard: HotShard;
  /** Vectors, codes and graphs, which JavaScript's heap does not show. */
  readonly arena: Arena;
}

export interface Filling {
  readonly vectors: readonly Float32Array[];
  readonly textOf: (index: number) => string;
  readonly scratch: string;
  /** Labels of a document; by default none has any. */
  readonly labelsOf?: (index: number) => readonly string[] | undefined;
}

/**
 * One document with one chunk per vector. All but `tailRows` of them go into one graph, as after a
 * recovery or a compaction; the rest arrives behind it and stays in the tail. A shard that is too small
 * for a graph is all tail.
 */
export async function fillShard(filling: Filling): Promise<FilledShard> {
  const { vectors, textOf, scratch, labelsOf } = filling;
  const document = (index: number): HotDocument => {
    const plain = documentAt(index, vectors, textOf);
    return { ...plain, info: { ...plain.info, acl: labelsOf?.(index) } };
  };
  const watched = watchBuilds(createHnswBuilder(join(scratch, "graphs")));
  const memory = createVectorMemory();
  const shard = createHotShard({
    memory,
    dimensions,
    flatMax: limits.hotFlatMax,
    builder: watched.builder,
    onBuildFailed: (error) => {
      throw error;
    },
  });
  const first = vectors.length > limits.hotFlatMax ? vectors.length - tailRows : vectors.length;
  for (let index = 0; index < first; index += 1) shard.upsert(document(index));
  await watched.settled();
  for (let index = first; index < vectors.length; index += 1) {
    shard.upsert(document(index));
  }
  return { shard, arena: memory.arena };
}

/** Metadata for filters: `tenth` matches 10 % of the documents, `hundredth` 1 %. */
export function documentAt(
  index: number,
  vectors: readonly Float32Array[],
  textOf: (index: number) => string,
): HotDocument {
  return {
    documentId: String(index) as DocumentId,
    version: (index + 1) as Version,
    position: (index + 1) as Position,
    info: { metadata: { tenth: index % 10, hundredth: index % 100 } },
    chunks: [{ vector: vectors[index] as Float32Array, text: textOf(index) }],
  };
}

function watchBuilds(inner: GraphBuilder): {
  readonly builder: GraphBuilder;
  readonly settled: () => Promise<void>;
} {
  let running = 0;
  const waiting: (() => void)[] = [];
  const end = (): void => {
    running -= 1;
    if (running === 0) for (const resume of waiting.splice(0)) resume();
  };
  return {
    builder: {
      submit: (job) => {
        running += 1;
        return inner.submit({
          input: () => {
            const input = job.input();
            if (input === null) end();
            return input;
          },
          ended: job.ended,
          done: (links) => {
            job.done(links);
            end();
          },
          failed: (error) => {
            job.failed(error);
            end();
          },
        });
      },
    },
    settled: async () => {
      if (running === 0) return;
      // The builder's thread keeps no process alive; whoever waits for it has to.
      const alive = setInterval(() => undefined, 1_000);
      await new Promise<void>((resolve) => waiting.push(resolve));
      clearInterval(alive);
    },
  };
}

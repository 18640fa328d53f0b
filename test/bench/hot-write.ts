/** The write path of the hot shard, against adding to an hnswlib-node index of the same size. */

import { createHotShard } from "../../src/hot/hot-shard.ts";
import { createVectorMemory } from "../../src/hot/simd.ts";
import type { BenchContext } from "./context.ts";
import { documentAt } from "./hot-shards.ts";
import { interleave } from "./interleave.ts";
import { dimensions } from "./models.ts";
import { openRawIndex } from "./reference/raw-hnswlib.ts";
import { measured, type Row } from "./report.ts";
import { percentile } from "./stats.ts";
import { makeVectors } from "./vectors.ts";

const present = 10_000;
const perRound = 200;
const rounds = 5;

export async function writeRow(
  { say }: BenchContext,
  textOf: (index: number) => string,
): Promise<Row> {
  say(`writes into ${present} vectors`);
  const { base } = makeVectors(present + (rounds + 1) * perRound, 0);
  const raw = openRawIndex(base.length, dimensions);
  // Graphs are built in another thread: the write path is all that this thread pays.
  const shard = createHotShard({
    memory: createVectorMemory(),
    dimensions,
    flatMax: Number.POSITIVE_INFINITY,
  });
  for (let index = 0; index < present; index += 1) {
    raw.add(Array.from(base[index] as Float32Array), index);
    shard.upsert(documentAt(index, base, textOf));
  }
  const next = { ours: present, raw: present };
  const documents = base.map((_, index) => documentAt(index, base, textOf));
  const arrays = base.map((vector) => Array.from(vector));
  const times = { ours: [] as number[], raw: [] as number[] };
  const write = (side: "ours" | "raw", work: (index: number) => void) => (): void => {
    for (let count = 0; count < perRound; count += 1) {
      const begun = performance.now();
      work(next[side]);
      times[side].push(performance.now() - begun);
      next[side] += 1;
    }
  };
  await interleave(
    {
      ours: write("ours", (index) => {
        const document = documents[index];
        if (document !== undefined) shard.upsert(document);
      }),
      raw: write("raw", (index) => raw.add(arrays[index] ?? [], index)),
    },
    rounds,
  );
  shard.close();
  for (const samples of Object.values(times)) samples.splice(0, perRound);
  return {
    ...measured({
      name: "hot.write_vs_hnswlib",
      unit: "ms",
      value: percentile(times.ours, 0.5),
      against: percentile(times.raw, 0.5),
      p50: percentile(times.ours, 0.5),
      p99: percentile(times.ours, 0.99),
      n: times.ours.length,
    }),
    note: "ours indexes the chunk's words too",
  };
}

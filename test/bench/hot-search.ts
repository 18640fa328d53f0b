/** Searches of the hot shard: speed against hnswlib-node, recall against exact search, filters against none. */

import { type Filter, normalFilter } from "../../src/contract/filter.ts";
import type { HotShard } from "../../src/hot/port.ts";
import type { BenchContext } from "./context.ts";
import { fillShard, tailRows } from "./hot-shards.ts";
import { interleave } from "./interleave.ts";
import { dimensions } from "./models.ts";
import { openRawIndex } from "./reference/raw-hnswlib.ts";
import { measured, type Row } from "./report.ts";
import { mean, percentile, recall } from "./stats.ts";
import { exactNearest, makeVectors, type VectorSet } from "./vectors.ts";

const k = 10;
const queries = 200;
const sizes = { "1k": 1_000, "10k": 10_000, "50k": 50_000 };
const filters = {
  "10pct": {
    filter: normalFilter({ "metadata.tenth": 3 }),
    accepts: (index: number) => index % 10 === 3,
  },
  "1pct": {
    filter: normalFilter({ "metadata.hundredth": 3 }),
    accepts: (index: number) => index % 100 === 3,
  },
};

type TextOf = (index: number) => string;

export async function searchRows(context: BenchContext, textOf: TextOf): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [label, count] of Object.entries(sizes)) {
    context.say(`search at ${label}`);
    const set = makeVectors(count, queries);
    const { shard } = await fillShard({ vectors: set.base, textOf, scratch: context.scratch });
    rows.push(...(await againstHnswlib(label, set, shard)));
    if (label === "10k")
      rows.push(...(await filtered(set, shard)), textRow(label, set, shard, textOf));
    shard.close();
  }
  return rows;
}

/** Vectors alone: hnswlib knows no text, so the question has none. */
function nearest(shard: HotShard, vector: Float32Array, filter?: Filter): number[] {
  const found = shard.search({ vector, text: "", limit: k, filter });
  return found.map(({ documentId }) => Number(documentId));
}

async function againstHnswlib(label: string, set: VectorSet, shard: HotShard): Promise<Row[]> {
  const raw = openRawIndex(set.base.length, dimensions);
  for (const [index, vector] of set.base.entries()) raw.add(Array.from(vector), index);
  const arrays = set.queries.map((vector) => Array.from(vector));
  const times = { ours: [] as number[], raw: [] as number[] };
  await interleave({
    ours: () => each(set.queries, times.ours, (vector) => nearest(shard, vector)),
    raw: () => each(arrays, times.raw, (vector) => raw.nearest(vector, k)),
  });
  const exact = set.queries.map((query) => exactNearest(set.base, query, { k }));
  const recallOf = (search: (index: number) => Iterable<number>) =>
    exact.map((expected, index) => recall(search(index), expected));
  const ours = recallOf((index) => nearest(shard, set.queries[index] as Float32Array));
  const raws = recallOf((index) => raw.nearest(arrays[index] ?? [], k));
  const state =
    set.base.length > 2 * tailRows ? `${tailRows} of them in the tail` : "all in the tail";
  return [
    {
      ...latencyRow(`hot.search_vs_hnswlib.${label}`, times.ours, times.raw),
      note: `${set.base.length} vectors, ${state}`,
    },
    {
      ...recallRow(`hot.recall.${label}`, ours),
      note: `recall@${k} of hnswlib-node itself ${mean(raws).toFixed(3)}`,
    },
  ];
}

async function filtered(set: VectorSet, shard: HotShard): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [label, { filter, accepts }] of Object.entries(filters)) {
    const times = { filtered: [] as number[], unfiltered: [] as number[] };
    await interleave({
      filtered: () => each(set.queries, times.filtered, (vector) => nearest(shard, vector, filter)),
      unfiltered: () => each(set.queries, times.unfiltered, (vector) => nearest(shard, vector)),
    });
    const recalls = set.queries.map((query) =>
      recall(nearest(shard, query, filter), exactNearest(set.base, query, { k, accepts })),
    );
    rows.push(
      recallRow(`hot.filtered_recall.${label}`, recalls),
      latencyRow(`hot.filtered_vs_unfiltered.${label}`, times.filtered, times.unfiltered),
    );
  }
  return rows;
}

/** What a question costs with its words: vectors and BM25 together. */
function textRow(label: string, set: VectorSet, shard: HotShard, textOf: TextOf): Row {
  const times: number[] = [];
  for (const [index, vector] of set.queries.entries()) {
    const text = textOf(index * 7)
      .split(/\s+/)
      .slice(0, 8)
      .join(" ");
    const begun = performance.now();
    shard.search({ vector, text, limit: 64 });
    times.push(performance.now() - begun);
  }
  const row = latencyRow(`hot.search_with_words.${label}`, times);
  return { ...row, note: "64 candidates of each list and eight words, as the engine asks" };
}

function each<Item>(items: readonly Item[], times: number[], work: (item: Item) => unknown): void {
  for (const item of items) {
    const begun = performance.now();
    work(item);
    times.push(performance.now() - begun);
  }
}

function latencyRow(name: string, times: readonly number[], against?: readonly number[]): Row {
  return measured({
    name,
    unit: "ms",
    value: percentile(times, 0.5),
    against: against === undefined ? null : percentile(against, 0.5),
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    n: times.length,
  });
}

function recallRow(name: string, recalls: readonly number[]): Row {
  const p50 = percentile(recalls, 0.5);
  const p99 = percentile(recalls, 0.01);
  return measured({ name, unit: "", value: mean(recalls), p50, p99, n: recalls.length });
}

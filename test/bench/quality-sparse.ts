/**
 * What the learned-sparse signal adds to the engine's own ranking, and what it costs ingest; only
 * where its model is installed (`ops/setup/main.ts --sparse`).
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ensureTools } from "../../ops/setup/ensure-tools.ts";
import { silentProgress } from "../../ops/setup/progress.ts";
import type { DocumentId, Position, Version } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { SparseVector } from "../../src/contract/sparse.ts";
import { createSparseEncoder, type SparseEncoder } from "../../src/embedding/onnx-sparse.ts";
import { createExactHotShardFactory } from "../../src/hot/memory.ts";
import { rank } from "../../src/retrieval/fusion.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import type { Collection } from "./beir.ts";
import type { BenchContext } from "./context.ts";
import { dimensions, ingestThreads } from "./models.ts";
import { measured, type Row } from "./report.ts";
import { mean, ndcg, percentile } from "./stats.ts";

const k = 10;
const contextChunks = 5;

/** Undefined unless `FRESHET_SPARSE` asks for it. */
export async function openSparseBench({ env }: BenchContext): Promise<SparseEncoder | undefined> {
  if (env["FRESHET_SPARSE"] !== "splade-tiny") return undefined;
  const others = { nats: false, temporal: false, weaviate: false, embedding: false, llm: false };
  const want = { ...others, sparse: true };
  const { sparse } = await ensureTools({ env, progress: silentProgress, want });
  if (sparse === undefined) throw new Error("the model of the sparse signal is missing");
  const config: unknown = JSON.parse(readFileSync(join(sparse.modelDir, "config.json"), "utf8"));
  const { vocab_size: words } = config as { readonly vocab_size: number };
  return createSparseEncoder({
    graphFile: sparse.graph,
    model: {
      ...{ name: "splade-tiny", dimensions: words, fingerprint: "bench" },
      maxTokens: limits.chunkTokensMax,
    },
    tokenizer: await loadTokenizer(sparse.modelDir),
    clock: systemClock,
    ingestThreads,
  });
}

interface Vectors {
  readonly documents: readonly Float32Array[];
  readonly queries: readonly Float32Array[];
}

/** The hybrid ranking with the signal, against the same without. */
export async function sparseRows(
  collection: Collection,
  vectors: Vectors,
  encoder: SparseEncoder,
): Promise<readonly Row[]> {
  const { name, documents, queries } = collection;
  const encode = (texts: readonly string[]): Promise<readonly SparseVector[]> =>
    encoder.embed(
      texts.map((text) => ({ text, tokens: new Int32Array(1) })),
      { lane: "ingest" },
    );
  const stored = await encode(documents.map(({ text }) => text));
  const asked = await encode(queries.map(({ text }) => text));
  const shard = createExactHotShardFactory()({ dimensions });
  for (const [index, { id, text }] of documents.entries()) {
    const [version, position] = [(index + 1) as Version, (index + 1) as Position];
    const vector = vectors.documents[index] as Float32Array;
    const chunks = [{ text, vector, sparse: stored[index] }];
    shard.upsert({ documentId: id as DocumentId, version, position, info: {}, chunks });
  }
  const textOf = new Map(documents.map(({ id, text }) => [id, text]));
  const judged = (own: (index: number) => SparseVector | undefined) =>
    queries.map(({ text, gains, answers }, index) => {
      const [vector, sparse] = [vectors.queries[index] as Float32Array, own(index)];
      const perList = limits.candidatesPerShard;
      const hot = shard.search({ vector, text, sparse, limit: perList });
      const { fused } = rank({ question: text, hot, cold: [], sparse, limit: k, perList });
      const ranking = fused.map(({ candidate }) => candidate.documentId as string);
      const shown = ranking.slice(0, contextChunks).map((id) => textOf.get(id) ?? "");
      const hasSpan = answers.some((answer) => shown.some((each) => each.includes(answer)));
      return {
        ndcg: ndcg({ ranking, gains, k }),
        span: hasSpan ? 1 : 0,
        isSpan: answers.length > 0,
      };
    });
  const [without, having] = [judged(() => undefined), judged((index) => asked[index])];
  shard.close();
  const scores = having.map((each) => each.ndcg);
  const spans = (all: typeof having) => all.filter(({ isSpan }) => isSpan).map(({ span }) => span);
  const rows = [
    measured({
      ...{ name: `quality.engine_sparse.${name}`, unit: "nDCG@10", value: mean(scores) },
      against: mean(without.map((each) => each.ndcg)),
      ...{ p50: percentile(scores, 0.5), p99: percentile(scores, 0.01), n: scores.length },
    }),
  ];
  const found = spans(having);
  if (found.length === 0) return rows;
  return [
    ...rows,
    measured({
      ...{ name: `quality.context_span_sparse.${name}`, unit: "of 1", value: mean(found) },
      ...{ against: mean(spans(without)), p50: null, p99: null, n: found.length },
    }),
  ];
}

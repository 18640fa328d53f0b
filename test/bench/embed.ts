/** Embedding: our worker path and our graphs against plain loops over the same batches. */

import { splitByLength } from "../../src/embedding/batching.ts";
import { createOnnxEmbedder, type OnnxEmbedder } from "../../src/embedding/onnx.ts";
import type { EmbedInput } from "../../src/embedding/port.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import type { Tokenizer } from "../../src/text/port.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import type { BenchContext } from "./context.ts";
import { interleave, roundsMin, type Side } from "./interleave.ts";
import {
  batchLimits,
  compileGraph,
  embeddingModel,
  ingestThreads,
  modelShape,
  queryThreads,
} from "./models.ts";
import { opCounts } from "./op-counts.ts";
import { openPackaged, packagedGraph } from "./reference/packaged-loop.ts";
import { openRaw, type RawSession } from "./reference/raw-loop.ts";
import { type BenchResult, measured, type Row, skipped } from "./report.ts";
import { mean, percentile } from "./stats.ts";
import { createChunker, loadDocuments } from "./texts.ts";

const textsMax = 160;
const queriesPerRound = 40;
const queryTokens = 12;

interface Graphs {
  readonly fp32: string;
  readonly int8: string;
  /** Or why it can not be had. */
  readonly packaged: { readonly file: string } | { readonly reason: string };
}

interface Material {
  readonly tokenizer: Tokenizer;
  readonly texts: readonly string[];
  readonly graphs: Graphs;
}

export async function benchEmbed(context: BenchContext): Promise<BenchResult> {
  const { modelDir } = await embeddingModel(context);
  const graphs: Graphs = {
    fp32: await compileGraph(context, modelDir, "fp32"),
    int8: await compileGraph(context, modelDir, "int8"),
    packaged: await packaged(context),
  };
  const chunker = await createChunker(modelDir);
  const documents = await loadDocuments(context);
  const texts = documents.flatMap((document) => chunker(document).map(({ text }) => text));
  const tokenizer = await loadTokenizer(modelDir);
  const material = { tokenizer, texts: texts.slice(0, textsMax), graphs };
  const rows = [...(await batchRows(context, material)), await queryRow(context, material)];
  const lengths = material.texts.map((text) => encode(tokenizer, text).tokens.length);
  return {
    settings: {
      threads: `batches ${ingestThreads}, short query ${queryThreads}`,
      spinning:
        "between operators only, in the worker and in every reference; the runtime's default in worker_vs_raw's second reference",
      texts: `${lengths.length} chunks, tokens mean ${Math.round(mean(lengths))}, p50 ${percentile(lengths, 0.5)}, max ${Math.max(...lengths)}`,
      batches: `by length, at most ${batchLimits.itemsMax} texts and ${batchLimits.paddedTokensMax} padded tokens`,
      "ops fp32": await opCounts(graphs.fp32),
      "ops int8": await opCounts(graphs.int8),
      ...("file" in graphs.packaged
        ? { "ops packaged": await opCounts(graphs.packaged.file) }
        : {}),
    },
    rows,
  };
}

async function packaged({ env, say }: BenchContext): Promise<Graphs["packaged"]> {
  say("looking for the packaged export");
  try {
    return { file: await packagedGraph(env) };
  } catch (thrown) {
    return { reason: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

type BatchSide = "worker" | "raw" | "rawSpinning" | "rawFp32" | "packaged";

async function batchRows(context: BenchContext, material: Material): Promise<Row[]> {
  const { texts, graphs } = material;
  context.say(`batches: ${roundsMin} rounds of ${texts.length} texts on every side`);
  const embedder = await openEmbedder(graphs.int8);
  const open = { threads: ingestThreads, spinning: "as ours" } as const;
  const sessions: Partial<Record<BatchSide, RawSession>> = {
    raw: await openRaw({ ...open, graphFile: graphs.int8 }),
    rawSpinning: await openRaw({ ...open, graphFile: graphs.int8, spinning: "default" }),
    rawFp32: await openRaw({ ...open, graphFile: graphs.fp32 }),
    ...("file" in graphs.packaged
      ? { packaged: await openPackaged({ ...open, graphFile: graphs.packaged.file }) }
      : {}),
  };
  const sides: Record<string, Side> = { worker: () => workerPath(embedder, material) };
  for (const [name, session] of Object.entries(sessions)) {
    sides[name] = () => rawLoop(session, material);
  }
  const seconds = await interleave(sides);
  await embedder.close();
  for (const session of Object.values(sessions)) await session.close();

  const rates = (side: BatchSide) => (seconds[side] ?? []).map((value) => texts.length / value);
  const worker = rates("worker");
  const raw = rates("raw");
  const spinning = rates("rawSpinning");
  const faster = percentile(spinning, 0.5) > percentile(raw, 0.5) ? spinning : raw;
  return [
    {
      ...rateRow("embed.worker_vs_raw", worker, faster),
      note: `the reference is the faster of raw with our settings (${percentile(raw, 0.5).toFixed(1)}/s) and with the default spinning (${percentile(spinning, 0.5).toFixed(1)}/s)`,
    },
    rateRow("embed.int8_vs_fp32_batch", raw, rates("rawFp32")),
    "reason" in graphs.packaged
      ? skipped("embed.vs_packaged", "documents/s", graphs.packaged.reason)
      : rateRow("embed.vs_packaged", worker, rates("packaged")),
  ];
}

function rateRow(name: string, rates: readonly number[], against: readonly number[]): Row {
  return measured({
    name,
    unit: "documents/s",
    value: percentile(rates, 0.5),
    against: percentile(against, 0.5),
    p50: percentile(rates, 0.5),
    p99: percentile(rates, 0.01),
    n: rates.length,
  });
}

function openEmbedder(graphFile: string): Promise<OnnxEmbedder> {
  return createOnnxEmbedder({
    graphFile,
    model: modelShape,
    clock: systemClock,
    ingestThreads,
    queryThreads,
  });
}

function encode(tokenizer: Tokenizer, text: string): EmbedInput {
  return { text, tokens: tokenizer.encode(text, modelShape.maxTokens) };
}

/** Texts to tokens to batches: what both sides do, each in its own time. */
function batchesOf({ tokenizer, texts }: Material): EmbedInput[][] {
  const inputs = texts.map((text) => encode(tokenizer, text));
  const batches = splitByLength(
    inputs.map(({ tokens }) => tokens.length),
    batchLimits,
  );
  return batches.map((indexes) => indexes.map((index) => inputs[index] as EmbedInput));
}

/** As the embedder actor feeds it: two batches with the worker, so that it never waits for the next. */
async function workerPath(embedder: OnnxEmbedder, material: Material): Promise<void> {
  const batches = batchesOf(material).values();
  const feed = async (): Promise<void> => {
    for (const batch of batches) await embedder.embed(batch, { lane: "ingest" });
  };
  await Promise.all([feed(), feed()]);
}

async function rawLoop(session: RawSession, material: Material): Promise<void> {
  for (const batch of batchesOf(material)) await session.run(batch.map(({ tokens }) => tokens));
}

async function queryRow(
  context: BenchContext,
  { tokenizer, texts, graphs }: Material,
): Promise<Row> {
  context.say("short queries");
  const open = { threads: queryThreads, spinning: "as ours" } as const;
  const int8 = await openRaw({ ...open, graphFile: graphs.int8 });
  const fp32 = await openRaw({ ...open, graphFile: graphs.fp32 });
  const queries = texts
    .slice(0, queriesPerRound)
    .map((text) => tokenizer.encode(text, queryTokens));
  const times = { int8: [] as number[], fp32: [] as number[] };
  const ask = async (session: RawSession, into: number[]): Promise<void> => {
    for (const query of queries) {
      const begun = performance.now();
      await session.run([query]);
      into.push(performance.now() - begun);
    }
  };
  await interleave({ int8: () => ask(int8, times.int8), fp32: () => ask(fp32, times.fp32) }, 9);
  await int8.close();
  await fp32.close();
  // The round that warmed up is not counted.
  for (const samples of Object.values(times)) samples.splice(0, queries.length);
  const rate = (milliseconds: number) => 1000 / milliseconds;
  const value = rate(percentile(times.int8, 0.5));
  return {
    ...measured({
      name: "embed.int8_vs_fp32_query",
      unit: "queries/s",
      value,
      against: rate(percentile(times.fp32, 0.5)),
      p50: value,
      p99: rate(percentile(times.int8, 0.99)),
      n: times.int8.length,
    }),
    note: `one query of ${queryTokens} tokens: int8 p50 ${percentile(times.int8, 0.5).toFixed(2)} ms, fp32 ${percentile(times.fp32, 0.5).toFixed(2)} ms`,
  };
}

/** The whole way of a document, as fast as it goes, against embedding its chunks and nothing else. */

import { splitByLength } from "../../src/embedding/batching.ts";
import type { BenchContext } from "./context.ts";
import { type EventLoopDelay, startBenchEngine } from "./engine.ts";
import { interleave, roundsMin } from "./interleave.ts";
import { publishAll } from "./load.ts";
import { batchLimits, ingestThreads } from "./models.ts";
import { opCounts } from "./op-counts.ts";
import { openRaw } from "./reference/raw-loop.ts";
import { type BenchResult, measured } from "./report.ts";
import { median, percentile } from "./stats.ts";
import { type BenchChunk, type BenchDocument, createChunker, loadDocuments } from "./texts.ts";

/** Some seconds of work in each round. */
const chunksPerRound = 480;

export async function benchPipeline(context: BenchContext): Promise<BenchResult> {
  const bench = await startBenchEngine(context);
  try {
    const { documents, chunks } = await material(context, bench.modelDir);
    const { graphFile } = bench;
    const raw = await openRaw({ graphFile, threads: ingestThreads, spinning: "as ours" });
    const batches = splitByLength(
      chunks.map(({ tokens }) => tokens.length),
      batchLimits,
    ).map((indexes) => indexes.map((index) => (chunks[index] as BenchChunk).tokens));
    const delays: EventLoopDelay[] = [];
    let round = 0;
    context.say(`${roundsMin} rounds of ${documents.length} documents, ${chunks.length} chunks`);
    const seconds = await interleave({
      pipeline: async () => {
        await bench.eventLoopDelay();
        round += 1;
        await publishAll({
          target: bench,
          prefix: `round-${round}`,
          count: documents.length,
          textOf: (index) => documents[index]?.text ?? "",
        });
        delays.push(await bench.eventLoopDelay());
      },
      raw: async () => {
        for (const batch of batches) await raw.run(batch);
      },
    });
    await raw.close();
    delays.shift(); // the round that warmed up
    const delayP99s = delays.map(({ p99Ms }) => p99Ms);
    const longest = Math.max(...delays.map(({ maxMs }) => maxMs));
    const ours = seconds.pipeline.map((value) => documents.length / value);
    const theirs = seconds.raw.map((value) => documents.length / value);
    return {
      settings: {
        threads: `embedding ${ingestThreads} on both sides, spinning between operators only`,
        graph: await opCounts(graphFile),
        documents: `${documents.length} of one tenant, ${chunks.length} chunks; no merges meanwhile`,
      },
      rows: [
        measured({
          name: "pipeline.vs_raw_embedding",
          unit: "documents/s",
          value: median(ours),
          against: median(theirs),
          p50: median(ours),
          p99: percentile(ours, 0.01),
          n: ours.length,
        }),
        {
          ...measured({
            name: "pipeline.event_loop_p99_ms",
            unit: "ms",
            value: median(delayP99s),
            p50: median(delayP99s),
            p99: percentile(delayP99s, 0.99),
            n: delayP99s.length,
          }),
          note: `p99 of each round; the longest delay of all was ${longest.toFixed(0)} ms`,
        },
      ],
    };
  } finally {
    await bench.stop();
  }
}

async function material(context: BenchContext, modelDir: string) {
  const chunker = await createChunker(modelDir);
  const documents: BenchDocument[] = [];
  const chunks: BenchChunk[] = [];
  for (const { id, text } of await loadDocuments(context)) {
    if (chunks.length >= chunksPerRound) break;
    // As it is published: without the title, which the engine would embed too.
    documents.push({ id, text });
    chunks.push(...chunker({ id, text }));
  }
  return { documents, chunks };
}

/** The whole way of a document, as fast as it goes, against embedding its chunks and nothing else. */

import { splitByLength } from "../../src/embedding/batching.ts";
import type { BenchContext } from "./context.ts";
import { type BenchEngine, type EventLoopDelay, startBenchEngine } from "./engine.ts";
import { interleave, roundsMin } from "./interleave.ts";
import { publishAll } from "./load.ts";
import { batchLimits, ingestThreads } from "./models.ts";
import { opCounts } from "./op-counts.ts";
import { openRaw } from "./reference/raw-loop.ts";
import { type BenchResult, measured, type Row } from "./report.ts";
import { median, percentile } from "./stats.ts";
import { type BenchChunk, type BenchDocument, createChunker, loadDocuments } from "./texts.ts";

/** Some seconds of work in each round. */
const chunksPerRound = 480;

/** Below the bound in bytes, so that a few characters of more than one fit. */
const largeChars = 250 * 1_024;
const largePerRound = 3;
const largeRounds = 4;

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
    const large = await largeDocuments(context, bench, documents);
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
        large,
      ],
    };
  } finally {
    await bench.stop();
  }
}

/** A continuous mix of documents of the largest size, and what the event loop says meanwhile. */
async function largeDocuments(
  context: BenchContext,
  bench: BenchEngine,
  documents: readonly BenchDocument[],
): Promise<Row> {
  const all = documents.map(({ text }) => text).join("\n\n");
  const prose = all.repeat(Math.ceil(largeChars / all.length) + 1);
  // Prose, what is dear to redact, and what makes the most chunks: each document another piece of it.
  const mix = [
    (at: number) => prose.slice(at % all.length, (at % all.length) + largeChars),
    (at: number) =>
      `${at} +12025550123 001 001 a@b.de 10.1.2.3 4111 1111 1111 1112; `.repeat(largeChars / 80),
    (at: number) => `- item ${at} of a-list/with.marks!\n`.repeat(largeChars / 40),
  ];
  const delays: EventLoopDelay[] = [];
  context.say(`${largeRounds} rounds of ${largePerRound} documents of ${largeChars / 1024} KiB`);
  for (let round = 0; round < largeRounds; round += 1) {
    await bench.eventLoopDelay();
    await publishAll({
      target: bench,
      prefix: `large-${round}`,
      count: largePerRound,
      textOf: (index) => mix[index % mix.length]?.(round * largePerRound + index) ?? "",
    });
    delays.push(await bench.eventLoopDelay());
  }
  delays.shift();
  const p99s = delays.map(({ p99Ms }) => p99Ms);
  const row = measured({
    name: "pipeline.event_loop_p99_ms_large",
    unit: "ms",
    value: median(p99s),
    p50: median(p99s),
    p99: percentile(p99s, 0.99),
    n: p99s.length,
  });
  const longest = Math.max(...delays.map(({ maxMs }) => maxMs));
  return { ...row, note: `the longest delay of all was ${longest.toFixed(0)} ms` };
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

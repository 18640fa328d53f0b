/** From publish to visible, idle and under load, and what a full ingest does to a question's embedding. */

import { setTimeout as sleep } from "node:timers/promises";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import type { BenchContext } from "./context.ts";
import { type BenchEngine, startBenchEngine } from "./engine.ts";
import { roundsMin } from "./interleave.ts";
import { publishAll, publishAtRate, saturate } from "./load.ts";
import { ingestThreads, modelShape, queryThreads } from "./models.ts";
import { opCounts } from "./op-counts.ts";
import { openRaw, type RawSession } from "./reference/raw-loop.ts";
import { type BenchResult, measured, type Row } from "./report.ts";
import { median, percentile } from "./stats.ts";
import { createChunker, loadDocuments } from "./texts.ts";

/** One chunk of about this many tokens is a document here. */
const tokens = { min: 105, max: 135 };
const singlesPerRound = 20;
const pauseMs = 40;
const loadSeconds = 4;
const querySeconds = 3;
const queriesPerSecond = 20;
/** As long as a short question, with both marks. */
const questionTokens = 16;

interface Probe {
  readonly text: string;
  readonly tokens: Int32Array;
}

interface Samples {
  readonly idle: number[];
  readonly embedding: number[];
  /** Under load by round: one stall of the machine must not decide what five rounds say. */
  readonly half: (readonly number[])[];
  readonly queryIdle: number[];
  readonly queryFull: (readonly number[])[];
}

export async function benchFreshness(context: BenchContext): Promise<BenchResult> {
  const bench = await startBenchEngine(context);
  try {
    const probes = await loadProbes(context, bench.modelDir);
    const questions = await createQuestions(bench.modelDir, probes);
    const open = {
      graphFile: bench.graphFile,
      threads: ingestThreads,
      spinning: "as ours",
    } as const;
    const raw = await openRaw(open);
    const textOf = (index: number): string => probes[index % probes.length]?.text ?? "";
    const capacities: number[] = [];
    for (let burst = 0; burst < 2; burst += 1) {
      const begun = performance.now();
      await publishAll({ target: bench, textOf, prefix: `burst-${burst}`, count: 200 });
      capacities.push((200 / (performance.now() - begun)) * 1000);
    }
    // The first burst warms the engine up.
    const capacity = capacities.at(-1) ?? 1;
    context.say(`capacity ${capacity.toFixed(1)} documents/s; ${roundsMin} rounds`);
    const samples: Samples = { idle: [], embedding: [], half: [], queryIdle: [], queryFull: [] };
    for (let round = 0; round < roundsMin; round += 1) {
      await idleRound({ bench, raw, probes, samples, round });
      const prefix = `half-${round}`;
      const load = { perSecond: capacity / 2, seconds: loadSeconds };
      samples.half.push(await publishAtRate({ target: bench, textOf, prefix, ...load }));
      await queryRound({ bench, textOf, questions, samples, round });
    }
    await raw.close();
    return {
      settings: {
        threads: `ingest ${ingestThreads}, queries ${queryThreads}, reference ${ingestThreads}; spinning between operators only`,
        graph: await opCounts(bench.graphFile),
        documents: `${probes.length} texts of ${tokens.min}-${tokens.max} tokens, one chunk each; no merges meanwhile`,
        offered: `half of ${capacity.toFixed(1)} documents/s, Poisson; questions of ${questionTokens} tokens ${queriesPerSecond}/s, open loop`,
      },
      rows: rowsOf(samples),
    };
  } finally {
    await bench.stop();
  }
}

interface Round {
  readonly bench: BenchEngine;
  readonly samples: Samples;
  readonly round: number;
}

/** One document at a time, and the raw embedding of the same text right after it. */
async function idleRound(
  options: Round & { readonly raw: RawSession; readonly probes: readonly Probe[] },
): Promise<void> {
  const { bench, raw, probes, samples, round } = options;
  for (let index = 0; index < singlesPerRound; index += 1) {
    const probe = probes[(round * singlesPerRound + index) % probes.length];
    if (probe === undefined) continue;
    await sleep(pauseMs);
    const begun = performance.now();
    const heard = await bench.publish({ id: `idle-${round}-${index}`, text: probe.text });
    samples.idle.push(heard - begun);
    await sleep(pauseMs);
    const started = performance.now();
    await raw.run([probe.tokens]);
    samples.embedding.push(performance.now() - started);
  }
}

async function queryRound(
  options: Round & {
    readonly textOf: (index: number) => string;
    readonly questions: (index: number) => string;
  },
): Promise<void> {
  const { bench, textOf, questions, samples, round } = options;
  const first = round * queriesPerSecond * querySeconds * 2;
  samples.queryIdle.push(...(await ask(bench, questions, first)));
  const full = new AbortController();
  const load = saturate({ target: bench, textOf, prefix: `full-${round}`, signal: full.signal });
  await sleep(1_000);
  const middle = first + queriesPerSecond * querySeconds;
  samples.queryFull.push(await ask(bench, questions, middle));
  full.abort();
  await load;
}

/** Open loop; what a question says of its own embedding. Every question is another one: no cache helps. */
async function ask(
  { engine }: BenchEngine,
  questions: (index: number) => string,
  first: number,
): Promise<readonly number[]> {
  const begun = performance.now();
  const asked: Promise<number>[] = [];
  for (let index = 0; index < queriesPerSecond * querySeconds; index += 1) {
    const waitMs = begun + (index / queriesPerSecond) * 1000 - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    const query = questions(first + index);
    const answer = engine.ask({ query, mode: "search" }, AbortSignal.timeout(30_000));
    const embedMs = answer.then(({ timings }) => timings.embed);
    // A failure is thrown at the end; until then it may not count as unhandled.
    embedMs.catch(() => undefined);
    asked.push(embedMs);
  }
  return Promise.all(asked);
}

function rowsOf(samples: Samples): Row[] {
  const { idle, embedding, half, queryIdle, queryFull } = samples;
  const numbers = (values: readonly number[]) => ({
    p50: percentile(values, 0.5),
    p99: percentile(values, 0.99),
    n: values.length,
  });
  const over = median(idle) - median(embedding);
  const row = { unit: "ms" };
  return [
    {
      ...measured({
        ...row,
        name: "freshness.idle_over_embedding_ms",
        value: over,
        ...numbers(idle),
      }),
      note: `publish to visible p50 ${median(idle).toFixed(1)} ms (p50 and p99 are of it), raw embedding ${median(embedding).toFixed(1)} ms`,
    },
    underLoad("freshness.half_load_p99_vs_idle_p50", half, median(idle)),
    underLoad("query_embedding.saturated_p99_vs_idle_p50", queryFull, median(queryIdle)),
  ];
}

/** The median over the rounds of each round's 99th percentile. */
function underLoad(name: string, rounds: readonly (readonly number[])[], against: number): Row {
  const all = rounds.flat();
  const p99s = rounds.map((samples) => percentile(samples, 0.99));
  return {
    ...measured({
      ...{ name, unit: "ms", value: median(p99s), against },
      ...{ p50: percentile(all, 0.5), p99: percentile(all, 0.99), n: all.length },
    }),
    note: `p99 of each round ${p99s.map((ms) => ms.toFixed(1)).join(", ")} ms; the column p99 is of all rounds together`,
  };
}

/**
 * Words of real text, each question another one and all of the same length: a long one takes ten times as long,
 * and the 99th percentile would tell of that and of nothing else.
 */
async function createQuestions(modelDir: string, probes: readonly Probe[]) {
  const tokenizer = await loadTokenizer(modelDir);
  const tokensIn = (text: string): number => tokenizer.encode(text, modelShape.maxTokens).length;
  const questions = probes.flatMap(({ text }) => {
    const words = text.split(/\s+/).filter((word) => /^[A-Za-z]+$/.test(word));
    const starts = words.map((_, start) => start);
    return starts.flatMap((start): string[] => {
      const all = words.slice(start, start + questionTokens);
      const fitting = all.map((_, end) => all.slice(0, end + 1).join(" "));
      return fitting.filter((question) => tokensIn(question) === questionTokens).slice(0, 1);
    });
  });
  const different = [...new Set(questions)];
  const wanted = roundsMin * queriesPerSecond * querySeconds * 2;
  if (different.length < wanted) throw new Error(`only ${different.length} different questions`);
  return (index: number): string => different[index] ?? "";
}

async function loadProbes(context: BenchContext, modelDir: string): Promise<readonly Probe[]> {
  const chunker = await createChunker(modelDir);
  const texts = (await loadDocuments(context)).flatMap((document) =>
    chunker(document).map(({ text }) => text),
  );
  // Chunked once more: only a text that stays one chunk of the wanted length is a document here.
  const probes = texts.flatMap((text): Probe[] => {
    const [chunk, ...more] = chunker({ id: "probe", text });
    if (chunk === undefined || more.length > 0) return [];
    const { length } = chunk.tokens;
    return length >= tokens.min && length <= tokens.max ? [{ text, tokens: chunk.tokens }] : [];
  });
  if (probes.length < 20) throw new Error(`only ${probes.length} texts of the wanted length`);
  return probes;
}

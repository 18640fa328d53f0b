/** What one tenant's flood of questions does to another tenant's. */

import { setTimeout as sleep } from "node:timers/promises";
import { type TenantId, tenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { BenchContext } from "./context.ts";
import { type BenchEngine, startBenchEngine } from "./engine.ts";
import { roundsMin } from "./interleave.ts";
import { type BenchResult, measured } from "./report.ts";
import { median, percentile } from "./stats.ts";
import { loadDocuments } from "./texts.ts";

const documentsPerTenant = 100;
const questionsPerRound = 100;
const warmUpQuestions = 30;
/** The flood's questions under way at once: all that a node lets one tenant have, running and waiting. */
const floodQuestions = limits.questionsInFlightMax;
const quietTenant = tenantId("quiet");
const floodTenant = tenantId("flood");

export async function benchFairness(context: BenchContext): Promise<BenchResult> {
  const bench = await startBenchEngine(context);
  try {
    const texts = await loadTexts(context);
    for (const tenant of [quietTenant, floodTenant]) await fill(bench, tenant, texts);
    const questionOf = (index: number): string => wordsOf(texts, index);
    await ask(bench, warmUpQuestions, (index) => questionOf(1_000_000 + index));
    const idle: number[][] = [];
    const flooded: number[][] = [];
    let answered = 0;
    for (let round = 0; round < roundsMin; round += 1) {
      const first = 2 * round * questionsPerRound;
      idle.push(await ask(bench, questionsPerRound, (index) => questionOf(first + index)));
      const flood = startFlood(bench, (index) => questionOf(5_000_000 + index));
      await sleep(1_000);
      const second = first + questionsPerRound;
      flooded.push(await ask(bench, questionsPerRound, (index) => questionOf(second + index)));
      answered += await flood.stop();
      context.say(
        `round ${round}: p99 idle ${percentile(idle[round] ?? [], 0.99).toFixed(1)} ms, flooded ${percentile(flooded[round] ?? [], 0.99).toFixed(1)} ms`,
      );
    }
    return { settings: settingsOf(answered), rows: [rowOf(idle, flooded)] };
  } finally {
    await bench.stop();
  }
}

function settingsOf(answered: number): BenchResult["settings"] {
  return {
    flood: `${floodQuestions} questions at once, each asked again when it is answered or refused, deadline_ms ${limits.deadlineMsMax}; ${answered} answered in all`,
    quiet: `${questionsPerRound} questions a round one after the other, search only, as the flood's; ${documentsPerTenant} documents a tenant, all in hot memory`,
  };
}

function rowOf(idle: readonly number[][], flooded: readonly number[][]) {
  const p99s = (rounds: readonly number[][]): number[] =>
    rounds.map((samples) => percentile(samples, 0.99));
  const all = flooded.flat();
  return {
    ...measured({
      ...{ name: "fairness.question_p99_ratio", unit: "ms" },
      ...{ value: median(p99s(flooded)), against: median(p99s(idle)) },
      ...{ p50: percentile(all, 0.5), p99: percentile(all, 0.99), n: all.length },
    }),
    note: `p99 of each round ${p99s(flooded)
      .map((ms) => ms.toFixed(1))
      .join(", ")} ms, idle ${p99s(idle)
      .map((ms) => ms.toFixed(1))
      .join(", ")} ms; idle p50 ${median(idle.flat()).toFixed(1)} ms`,
  };
}

async function fill(bench: BenchEngine, tenant: TenantId, texts: readonly string[]): Promise<void> {
  for (const [index, text] of texts.slice(0, documentsPerTenant).entries()) {
    await bench.publishAs(tenant, { id: `document-${index}`, text });
  }
}

/** One after the other; how long each took for its caller, milliseconds. */
async function ask(
  bench: BenchEngine,
  count: number,
  questionOf: (index: number) => string,
): Promise<number[]> {
  const engine = bench.engineOf(quietTenant);
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const begun = performance.now();
    await engine.ask({ query: questionOf(index), mode: "search" }, AbortSignal.timeout(60_000));
    times.push(performance.now() - begun);
  }
  return times;
}

/** A closed loop of many, of a caller that heeds no refusal. */
function startFlood(bench: BenchEngine, questionOf: (index: number) => string) {
  const engine = bench.engineOf(floodTenant);
  const over = new AbortController();
  let asked = 0;
  let answered = 0;
  const loop = async (): Promise<void> => {
    while (!over.signal.aborted) {
      asked += 1;
      const question = { query: questionOf(asked), mode: "search", deadline_ms: 120_000 } as const;
      const isAnswered = await engine.ask(question, over.signal).then(
        () => true,
        () => false,
      );
      if (isAnswered) answered += 1;
      // A refusal comes at once; asking again without a pause would measure the client.
      else await sleep(100);
    }
  };
  const loops = Array.from({ length: floodQuestions }, loop);
  return {
    async stop(): Promise<number> {
      over.abort();
      await Promise.all(loops);
      return answered;
    },
  };
}

async function loadTexts(context: BenchContext): Promise<readonly string[]> {
  const texts = (await loadDocuments(context)).map(({ text }) => text.slice(0, 600));
  if (texts.length < documentsPerTenant) throw new Error(`only ${texts.length} documents`);
  return texts;
}

/** Eight words of real text, each question another one. */
function wordsOf(texts: readonly string[], index: number): string {
  const words = (texts[index % texts.length] ?? "")
    .split(/\s+/)
    .filter((word) => /^\w+$/.test(word));
  const start = Math.floor(index / texts.length) % Math.max(1, words.length - 8);
  return `${index} ${words.slice(start, start + 8).join(" ")}`;
}

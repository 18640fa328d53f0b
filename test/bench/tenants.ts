/**
 * Many tenants on one engine: what a flood of one does to another on each surface, what a document
 * and a question cost when they are of one tenant or of a thousand, and what a thousand tenants
 * cost that do nothing.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { connect, type NatsConnection } from "nats";
import { type TenantId, tenantId } from "../../src/contract/ids.ts";
import type { BenchContext } from "./context.ts";
import { type BenchEngine, startBenchEngine } from "./engine.ts";
import { roundsMin } from "./interleave.ts";
import { type BenchResult, measured, type Row } from "./report.ts";
import { median, percentile } from "./stats.ts";
import { cpuMsOf } from "./tenants-engine.ts";
import { floodRows } from "./tenants-floods.ts";
import { loadDocuments } from "./texts.ts";

/** `--files 100` stops at a hundred tenants: a few minutes instead of a quarter of an hour. */
const tenantsDefault = 1_000;
/** Operations of one measurement; more than the largest number of tenants would be minutes. */
const documentsPerSide = 200;
const questionsPerSide = 100;
const underWay = 64;
/** Short, so that embedding does not hide what a tenant costs. */
const textChars = 100;
const idleSeconds = 15;
const floodSamples = 20;
/** Coming into being is not what is measured. */
const shortTexts = ["a first note of this tenant"];

export async function benchTenants(context: BenchContext): Promise<BenchResult> {
  const most = context.files ?? tenantsDefault;
  const counts = [1, 10, 100, 1_000].filter((count) => count <= most);
  const bench = await startBenchEngine(context);
  const nats = await connect({ servers: bench.natsUrl });
  try {
    const texts = (await loadDocuments(context)).map(({ text }) => text.slice(0, textChars));
    const heard = hear(nats);
    await nats.flush();
    const asksFor = (part: string): boolean => context.parts?.includes(part) ?? true;
    const floods = asksFor("floods")
      ? await floodRows(context, { bench, texts, rounds: roundsMin, samples: floodSamples })
      : [];
    const load = { bench, nats, heard, texts };
    const tenants = Array.from({ length: most }, (_, index) => tenantId(`tenant-${index}`));
    const alone = asksFor("costs") ? await aloneAtFirst(load, tenants) : "not measured";
    if (asksFor("costs") || asksFor("idle")) {
      context.say(`${most} tenants come into being`);
      for (let done = 0; done < most; done += 100) {
        await publishTo({ ...load, texts: shortTexts }, tenants.slice(done, done + 100), 100);
        context.say(`${done + 100} are there`);
      }
    }
    const idle = asksFor("idle") ? await idleRows(context, bench, most) : [];
    const costs = asksFor("costs") ? await costRows(context, load, { tenants, counts }) : [];
    return {
      settings: {
        floods:
          "closed loops of one tenant on one surface, 64 at once, each again when it is answered or refused",
        quiet: `${floodSamples} documents and questions a round, one after the other; ${roundsMin} rounds, each after an idle one`,
        costs: `${documentsPerSide} documents (${underWay} under way) and ${questionsPerSide} questions (one after the other, search only) a side and round, over so many of the ${most} tenants in turn; sides take turns`,
        alone: `before the other tenants were there: ${alone}`,
      },
      rows: [...floods, ...costs, ...idle],
    };
  } finally {
    await nats.close();
    await bench.stop();
  }
}

interface Load {
  readonly bench: BenchEngine;
  readonly nats: NatsConnection;
  readonly heard: Heard;
  readonly texts: readonly string[];
}

/** Resolves for each document when its event is heard. */
type Heard = (id: string) => Promise<void>;

function hear(nats: NatsConnection): Heard {
  const waiting = new Map<string, () => void>();
  nats.subscribe("events.*", {
    callback: (error, message) => {
      if (error !== null) return;
      const { id } = message.json<{ readonly id: string }>();
      waiting.get(id)?.();
      waiting.delete(id);
    },
  });
  return (id) => new Promise((resolve) => waiting.set(id, resolve));
}

let published = 0;

/** In turn to each tenant; resolves when all are visible. */
async function publishTo(
  { nats, heard, texts }: Load,
  tenants: readonly TenantId[],
  count: number,
): Promise<void> {
  const stream = nats.jetstream();
  const indexes = Array.from({ length: count }, (_, index) => index).values();
  const lane = async (): Promise<void> => {
    for (const _ of indexes) {
      published += 1;
      const id = `document-${published}`;
      const visible = heard(id);
      const text = `${published} ${texts[published % texts.length] ?? ""}`;
      const tenant = tenants[published % tenants.length] ?? "";
      await stream.publish(`docs.${tenant}`, JSON.stringify({ id, text }));
      await visible;
    }
  };
  await Promise.all(Array.from({ length: underWay }, lane));
}

let asked = 0;

/** Milliseconds of each question, one after the other. */
async function askOf({ bench, texts }: Load, tenants: readonly TenantId[]): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < questionsPerSide; index += 1) {
    asked += 1;
    const query = `${asked} ${(texts[(7 * asked) % texts.length] ?? "").slice(0, 60)}`;
    const engine = bench.engineOf(tenants[asked % tenants.length] as TenantId);
    const begun = performance.now();
    await engine.ask({ query, mode: "search" }, AbortSignal.timeout(60_000));
    times.push(performance.now() - begun);
  }
  return times;
}

/** What a side costs: by the clock, and by what the engine computed for it. */
interface Cost {
  readonly documentMs: number;
  readonly documentCpuMs: number;
  readonly questionMs: number;
  readonly questionCpuMs: number;
}

async function costOf(load: Load, tenants: readonly TenantId[]): Promise<Cost> {
  let documentsMs = 0;
  const documentsCpuMs = await cpuMsOf(load.bench, async () => {
    const begun = performance.now();
    await publishTo(load, tenants, documentsPerSide);
    documentsMs = performance.now() - begun;
  });
  let times: readonly number[] = [];
  const questionsCpuMs = await cpuMsOf(load.bench, async () => {
    times = await askOf(load, tenants);
  });
  return {
    documentMs: documentsMs / documentsPerSide,
    documentCpuMs: documentsCpuMs / documentsPerSide,
    questionMs: percentile(times, 0.5),
    questionCpuMs: questionsCpuMs / questionsPerSide,
  };
}

/** The first tenant's figures while there is no other: what later ones make of them. */
async function aloneAtFirst(load: Load, tenants: readonly TenantId[]): Promise<string> {
  const [first] = tenants;
  if (first === undefined) throw new Error("a bench of tenants has one at least");
  await costOf(load, [first]);
  const { documentMs, questionMs } = await costOf(load, [first]);
  return `${(1_000 / documentMs).toFixed(0)} documents/s, question p50 ${questionMs.toFixed(1)} ms`;
}

async function costRows(
  context: BenchContext,
  load: Load,
  {
    tenants,
    counts,
  }: { readonly tenants: readonly TenantId[]; readonly counts: readonly number[] },
): Promise<readonly Row[]> {
  const costs = new Map(counts.map((count) => [count, [] as Cost[]]));
  for (let round = -1; round < roundsMin; round += 1) {
    for (const at of counts.keys()) {
      const count = counts[(at + round + counts.length) % counts.length] ?? 1;
      const cost = await costOf(load, tenants.slice(0, count));
      if (round >= 0) costs.get(count)?.push(cost);
    }
    context.say(`costs, round ${round}`);
  }
  return counts.slice(1).flatMap((count) =>
    (["documentMs", "documentCpuMs", "questionMs", "questionCpuMs"] as const).map((what) => {
      const of = (tenants: number): number[] => (costs.get(tenants) ?? []).map((one) => one[what]);
      const values = of(count);
      return {
        ...measured({
          ...{ name: `tenants.${rowNames[what]}.${count}`, unit: "ms" },
          ...{ value: median(values), against: median(of(1)) },
          ...{ p50: median(values), p99: Math.max(...values), n: values.length },
        }),
        note: noteOf[what](median(values), median(of(1))),
      };
    }),
  );
}

const rowNames = {
  documentMs: "document_ms",
  documentCpuMs: "document_cpu_ms",
  questionMs: "question_p50_ms",
  questionCpuMs: "question_cpu_ms",
} as const satisfies Record<keyof Cost, string>;

const noteOf: Readonly<Record<keyof Cost, (ms: number, one: number) => string>> = {
  documentMs: (ms, one) =>
    `${(1_000 / ms).toFixed(0)} documents/s, to one tenant ${(1_000 / one).toFixed(0)}`,
  documentCpuMs: () => "CPU of the engine's process, against documents to one tenant",
  questionMs: () => "against questions to one tenant",
  questionCpuMs: () => "CPU of the engine's process, against questions to one tenant",
};

/** Share of a core, per cent. */
async function idleRows(
  context: BenchContext,
  bench: BenchEngine,
  tenants: number,
): Promise<readonly Row[]> {
  // What their documents left to do is done.
  await sleep(5_000);
  const shares: number[] = [];
  for (let round = 0; round < roundsMin; round += 1) {
    const begun = performance.now();
    const cpuMs = await cpuMsOf(bench, () => sleep(idleSeconds * 1_000));
    shares.push((100 * cpuMs) / (performance.now() - begun));
  }
  context.say(`idle: ${shares.map((share) => share.toFixed(2)).join(", ")} % of a core`);
  return [
    {
      ...measured({
        ...{ name: `tenants.idle_core_percent.${tenants}`, unit: "%" },
        ...{ value: median(shares), p50: median(shares), p99: Math.max(...shares) },
        n: shares.length,
      }),
      note: `${idleSeconds} s each, without the scrape that measures it`,
    },
  ];
}

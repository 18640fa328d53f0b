/** What one tenant's flood on each surface does to another tenant's documents and questions. */

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import type { BenchContext } from "./context.ts";
import type { BenchEngine } from "./engine.ts";
import { measured, type Row } from "./report.ts";
import { median, percentile } from "./stats.ts";
import { engineSums } from "./tenants-engine.ts";
import { type FloodDone, type Flooding, type Surface, surfaces } from "./tenants-surfaces.ts";

/** Milliseconds of a flood before the quiet tenant is measured. */
const beginsMs = 500;
const quietWithinMs = 60_000;

/** What the quiet tenant felt, milliseconds. */
interface Felt {
  readonly visible: number[];
  readonly question: number[];
}

interface Pair {
  readonly idle: Felt;
  readonly felt: Felt;
}

export interface FloodOptions {
  readonly bench: BenchEngine;
  readonly texts: readonly string[];
  readonly rounds: number;
  readonly samples: number;
}

export async function floodRows(
  context: BenchContext,
  { bench, texts, rounds, samples }: FloodOptions,
): Promise<readonly Row[]> {
  const flood = new Flood({ httpUrl: bench.httpUrl, natsUrl: bench.natsUrl, texts });
  const probe = { bench, texts, samples };
  const pairs = new Map(surfaces.map((surface) => [surface, [] as Pair[]]));
  const batches: number[] = [];
  try {
    await quietRound(probe, "warm");
    for (let round = 0; round < rounds; round += 1) {
      for (const at of surfaces.keys()) {
        const surface = surfaces[(at + round) % surfaces.length] as Surface;
        // Right before it: what else the machine does meets both.
        const idle = await quietRound(probe, `idle-${surface}-${round}`);
        const before = await engineSums(bench);
        await flood.on(surface);
        await sleep(beginsMs);
        const felt = await quietRound(probe, `${surface}-${round}`);
        const done = await flood.on(null);
        pairs.get(surface)?.push({ idle, felt });
        batches.push((await engineSums(bench)).batchMsSince(before));
        const p99 = (of: Felt): string =>
          [of.visible, of.question].map((ms) => percentile(ms, 0.99).toFixed(0)).join(" and ");
        context.say(
          `${surface} ${round}: visible and question p99 ${p99(felt)} ms, idle ${p99(idle)} ms; the flood: ${done.passed} passed, ${done.refused} refused`,
        );
        await untilQuiet(bench);
      }
    }
  } finally {
    await flood.close();
  }
  const batchMs = median(batches.filter((ms) => ms > 0));
  return surfaces.flatMap((surface) =>
    (["visible", "question"] as const).map((what) =>
      rowOf({ surface, what, pairs: pairs.get(surface) ?? [], batchMs }),
    ),
  );
}

/**
 * The reference is what may be: twice the idle p99 and one batch of the embedder. The ratio is the
 * median of the rounds', each against the idle one before it.
 */
function rowOf(of: {
  readonly surface: Surface;
  readonly what: keyof Felt;
  readonly pairs: readonly Pair[];
  readonly batchMs: number;
}): Row {
  const { surface, what, pairs, batchMs } = of;
  const p99 = (felt: Felt): number => percentile(felt[what], 0.99);
  const all = pairs.flatMap(({ felt }) => felt[what]);
  const idleP99 = median(pairs.map(({ idle }) => p99(idle)));
  const against = 2 * idleP99 + batchMs;
  const ratios = pairs.map(({ idle, felt }) => p99(felt) / (2 * p99(idle) + batchMs));
  return {
    ...measured({
      ...{ name: `tenants.flood_${what}.${surface}`, unit: "ms" },
      ...{ value: median(ratios) * against, against },
      ...{ p50: percentile(all, 0.5), p99: percentile(all, 0.99), n: all.length },
    }),
    note: `against 2 x ${idleP99.toFixed(1)} ms (idle p99) + ${batchMs.toFixed(1)} ms (a batch); ratios of the rounds ${ratios
      .map((ratio) => ratio.toFixed(2))
      .join(", ")}`,
  };
}

interface Probe {
  readonly bench: BenchEngine;
  readonly texts: readonly string[];
  readonly samples: number;
}

let probes = 0;

/** One document and one question after the other. */
async function quietRound({ bench, texts, samples }: Probe, prefix: string): Promise<Felt> {
  const felt: Felt = { visible: [], question: [] };
  for (let index = 0; index < samples; index += 1) {
    probes += 1;
    const text = texts[probes % texts.length] ?? "";
    const begun = performance.now();
    felt.visible.push((await bench.publish({ id: `${prefix}-${index}`, text })) - begun);
    const query = `${probes} ${text.slice(0, 60)}`;
    const asked = performance.now();
    await bench.engine.ask({ query, mode: "search" }, AbortSignal.timeout(60_000));
    felt.question.push(performance.now() - asked);
  }
  return felt;
}

/** In a thread of its own: a flood must not take the turns of the tenant that is measured. */
class Flood {
  readonly #worker: Worker;

  constructor(flooding: Flooding) {
    this.#worker = new Worker(new URL("./tenants-flood-worker.ts", import.meta.url), {
      workerData: flooding,
    });
  }

  /** Resolves when it has begun; with `null`, when it is over. */
  async on(surface: Surface | null): Promise<FloodDone> {
    const answered = once(this.#worker, "message");
    this.#worker.postMessage(surface);
    const [done] = (await answered) as [FloodDone];
    return done;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** What the flood left in the log is worked off, so that the next round begins idle. */
async function untilQuiet(bench: BenchEngine): Promise<void> {
  const endMs = performance.now() + quietWithinMs;
  while (performance.now() < endMs) {
    const before = await engineSums(bench);
    await sleep(500);
    const since = await engineSums(bench);
    if (since.cpuSeconds - before.cpuSeconds < 0.1) break;
  }
}

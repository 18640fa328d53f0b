/** What an engine says of itself, as sums: the difference of two is what happened between. */

import { request } from "undici";
import type { BenchEngine } from "./engine.ts";

export interface EngineSums {
  /** Of all threads of the engine's process: nearly the same on a busy machine as on an idle one. */
  readonly cpuSeconds: number;
  /** Mean duration of an ingest batch since the earlier sums; 0 where there was none. */
  batchMsSince(before: EngineSums): number;
  readonly batches: { readonly count: number; readonly seconds: number };
}

/**
 * CPU milliseconds of the engine for some work, without those of the scrape that tells them: it is
 * taken once more, and grows with what there is to tell.
 */
export async function cpuMsOf(
  bench: Pick<BenchEngine, "httpUrl">,
  work: () => Promise<void>,
): Promise<number> {
  const first = await engineSums(bench);
  const before = await engineSums(bench);
  await work();
  const after = await engineSums(bench);
  const scrape = before.cpuSeconds - first.cpuSeconds;
  return Math.max(0, after.cpuSeconds - before.cpuSeconds - scrape) * 1_000;
}

export async function engineSums({ httpUrl }: Pick<BenchEngine, "httpUrl">): Promise<EngineSums> {
  const { body } = await request(`${httpUrl}/metrics`);
  const text = await body.text();
  const of = (name: string): number => {
    const at = text.indexOf(`\n${name} `);
    return at < 0 ? 0 : Number.parseFloat(text.slice(at + name.length + 2));
  };
  const batches = {
    count: of('freshet_embed_seconds_count{lane="ingest"}'),
    seconds: of('freshet_embed_seconds_sum{lane="ingest"}'),
  };
  return {
    cpuSeconds: of("freshet_process_cpu_seconds_total"),
    batches,
    batchMsSince: (before) => {
      const count = batches.count - before.batches.count;
      return count === 0 ? 0 : ((batches.seconds - before.batches.seconds) / count) * 1_000;
    },
  };
}

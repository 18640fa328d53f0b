/** Runs each provider over the same batches, by the engine's own worker, and compares. */

import { join } from "node:path";
import { FreshetError } from "../../src/contract/errors.ts";
import { cosine } from "../../src/contract/vector.ts";
import { deviceRuntime } from "../../src/embedding/onnx-cuda.ts";
import { OnnxLane } from "../../src/embedding/onnx-lane.ts";
import { packBatch } from "../../src/embedding/onnx-protocol.ts";
import type { EmbedProvider, GraphVariant } from "../../src/embedding/precision.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { compileModel } from "../model/compile.ts";
import type { CheckOptions } from "./options.ts";

export interface CheckContext extends CheckOptions {
  readonly modelFolder: string;
  /** Holds the graphs that are compiled for the check. */
  readonly scratch: string;
  readonly cacheDir: string;
  readonly threads: number;
  readonly endsAtMs: number;
  readonly say: (line: string) => void;
}

export interface ProviderResult {
  readonly provider: EmbedProvider;
  readonly variant: GraphVariant;
  readonly startMs?: number;
  /** The worst of all texts to the CPU's fp32. */
  readonly cosineMin?: number;
  readonly batches: readonly { readonly texts: number; readonly documentsPerS: number }[];
  /** Why it cannot be used here. */
  readonly missing?: string;
  /** What went wrong once it ran. */
  readonly failed?: string;
}

export const cosineMin = 0.9999;
const variants: Readonly<Record<EmbedProvider, readonly GraphVariant[]>> = {
  cpu: ["fp32"],
  cuda: ["fp32", "fp16"],
  tensorrt: ["fp32", "fp16"],
  webgpu: ["plain-fp32", "plain-fp16"],
};
const dimensions = 384;
const roundsMin = 3;
const roundsMs = 1_500;

export async function checkProviders(context: CheckContext): Promise<ProviderResult[]> {
  const lengths = [3, 16, 33, 64, context.tokens].filter((length) => length <= context.tokens);
  const sample = lengths.map((length, at) => textOf(length, at));
  const exact = await inLane(context, { provider: "cpu", variant: "fp32" }, (run) => run(sample));
  const results: ProviderResult[] = [];
  for (const provider of context.providers) {
    for (const variant of variants[provider]) {
      if (isOver(context)) continue;
      context.say(`${provider} ${variant}`);
      results.push(await checkOne(context, { provider, variant }, { sample, exact }));
    }
  }
  return results;
}

interface Kind {
  readonly provider: EmbedProvider;
  readonly variant: GraphVariant;
}

interface Expected {
  readonly sample: readonly Int32Array[];
  readonly exact: Float32Array;
}

type Run = (texts: readonly Int32Array[]) => Promise<Float32Array>;

async function checkOne(
  context: CheckContext,
  kind: Kind,
  { sample, exact }: Expected,
): Promise<ProviderResult> {
  const batches: { texts: number; documentsPerS: number }[] = [];
  const askedAtMs = performance.now();
  let startMs: number | undefined;
  let worst: number | undefined;
  try {
    await inLane(context, kind, async (run) => {
      startMs = Math.round(performance.now() - askedAtMs);
      const made = await run(sample);
      worst = Math.min(...sample.map((_, row) => cosine(rowOf(made, row), rowOf(exact, row))));
      for (const texts of context.batches) {
        if (isOver(context)) return;
        batches.push({ texts, documentsPerS: await rateOf(context, run, texts) });
      }
    });
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const isAway = startMs === undefined && thrown instanceof FreshetError;
    return { ...kind, batches, ...(isAway ? { missing: message } : { failed: message }) };
  }
  const measured = worst === undefined ? {} : { cosineMin: worst };
  return { ...kind, ...(startMs === undefined ? {} : { startMs }), ...measured, batches };
}

/** The median of some rounds, after one that compiles kernels and is not counted. */
async function rateOf(context: CheckContext, run: Run, texts: number): Promise<number> {
  const batch = Array.from({ length: texts }, (_, at) => textOf(context.tokens, at));
  await run(batch);
  const times: number[] = [];
  const begunMs = performance.now();
  while (times.length < roundsMin || performance.now() - begunMs < roundsMs) {
    const sentMs = performance.now();
    await run(batch);
    times.push(performance.now() - sentMs);
    if (isOver(context)) break;
  }
  const median = times.toSorted((left, right) => left - right)[times.length >> 1] ?? Number.NaN;
  return Number(((texts * 1_000) / median).toPrecision(4));
}

async function inLane<T>(
  context: CheckContext,
  { provider, variant }: Kind,
  use: (run: Run) => Promise<T>,
): Promise<T> {
  const graphFile = join(context.scratch, `${variant}.onnx`);
  await compileModel({ modelDir: context.modelFolder, outFile: graphFile, variant });
  const { runtimeModule, libraryFolders = [] } = deviceRuntime(provider, context.cacheDir) ?? {};
  const lane = new OnnxLane({
    lanes: ["ingest"],
    settings: {
      ...{ graphFile, provider, dimensions, threads: context.threads, niceness: 0 },
      ...(runtimeModule === undefined ? {} : { runtimeModule }),
    },
    // Also the CPU: a device that hangs is killed with its process, and both pay the same hop.
    place: { kind: "process", env: {}, libraryFolders },
    workerUrl: new URL("../../src/embedding/onnx-worker.ts", import.meta.url),
    clock: systemClock,
    hangMs: Math.max(1_000, context.endsAtMs - performance.now()),
    onHopeless: () => {},
  });
  await lane.start();
  try {
    return await use((texts) => lane.run(packBatch(texts, provider), { lane: "ingest" }));
  } finally {
    await lane.close();
  }
}

function isOver({ endsAtMs }: CheckContext): boolean {
  return performance.now() >= endsAtMs;
}

function rowOf(vectors: Float32Array, row: number): Float32Array {
  return vectors.subarray(row * dimensions, (row + 1) * dimensions);
}

/** [CLS], words of the vocabulary, [SEP]: another text for each number. */
function textOf(tokens: number, number: number): Int32Array {
  return Int32Array.from({ length: tokens }, (_, at) => {
    if (at === 0) return 101;
    return at === tokens - 1 ? 102 : 1_000 + ((number * 131 + at * 7_919) % 25_000);
  });
}

/** The graphs that a bench compares, and the settings that both sides of a comparison share. */

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { compileModel } from "../../ops/model/compile.ts";
import {
  type EmbeddingModelFiles,
  ensureTools,
  type NamesModelFiles,
} from "../../ops/setup/ensure-tools.ts";
import { lineProgress } from "../../ops/setup/progress.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Precision } from "../../src/embedding/precision.ts";
import type { BenchContext } from "./context.ts";

export const dimensions = 384;
export const modelShape = {
  name: "all-MiniLM-L6-v2",
  dimensions,
  maxTokens: limits.chunkTokensMax,
};
export const batchLimits = {
  paddedTokensMax: limits.embedBatchPaddedTokensMax,
  itemsMax: limits.embedBatchItemsMax,
};

/** As many as the engine takes (src/compose/embedding.ts). */
export const ingestThreads = Math.min(limits.embedThreadsMax, availableParallelism());
export const queryThreads = 1;

export async function embeddingModel({ env }: BenchContext): Promise<EmbeddingModelFiles> {
  const want = { nats: false, temporal: false, weaviate: false, embedding: true, llm: false };
  const progress = lineProgress(
    (line) => process.stderr.write(line),
    () => performance.now(),
  );
  const { embedding } = await ensureTools({ env, progress, want });
  if (embedding === undefined) throw new Error("the embedding model is missing");
  return embedding;
}

export async function namesModel({ env }: BenchContext): Promise<NamesModelFiles> {
  const others = { nats: false, temporal: false, weaviate: false, embedding: false, llm: false };
  const progress = lineProgress(
    (line) => process.stderr.write(line),
    () => performance.now(),
  );
  const { names } = await ensureTools({ env, progress, want: { ...others, names: true } });
  if (names === undefined) throw new Error("the model of names is missing");
  return names;
}

/** Compiled anew, so that what is measured is what this checkout's compiler makes. */
export async function compileGraph(
  context: BenchContext,
  modelDir: string,
  variant: Precision,
): Promise<string> {
  const outFile = join(context.scratch, `graph-${variant}.onnx`);
  context.say(`compiling the ${variant} graph`);
  await compileModel({ modelDir, outFile, variant });
  return outFile;
}

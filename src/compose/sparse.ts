/** The part of the composition root that knows the learned-sparse signal: where its model lies. */

import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { FreshetError } from "../contract/errors.ts";
import { limits } from "../contract/limits.ts";
import { createSparseEncoder, type SparseEncoder } from "../embedding/onnx-sparse.ts";
import { choosePrecision } from "../embedding/precision.ts";
import type { Tokenizer } from "../text/port.ts";
import { loadTokenizer } from "../text/tokenizer.ts";
import {
  type EmbeddingParts,
  ingestThreads,
  modelsDir,
  newestGraph,
  ownCpuFlags,
} from "./embedding.ts";
import type { Foundation } from "./foundation.ts";

/** Undefined where the signal is off. @throws FreshetError embedding_unavailable */
export async function openSparse(
  { config, clock, logger }: Pick<Foundation, "config" | "clock" | "logger">,
  embedding: Pick<EmbeddingParts, "tokenizer" | "modelDir">,
): Promise<SparseEncoder | undefined> {
  const { sparse: name } = config;
  if (name === "off") return undefined;
  const modelDir = join(modelsDir(config), name);
  // On the CPU whatever embeds: beside a GPU the cores have little else to do.
  const precision = choosePrecision({ wanted: "auto", provider: "cpu", cpuFlags: ownCpuFlags() });
  const wayOut = "run ops/node node ops/setup/main.ts --sparse, or set FRESHET_SPARSE=off";
  const graphFile = newestGraph(modelDir, precision, wayOut);
  return createSparseEncoder({
    graphFile,
    model: {
      name,
      dimensions: vocabularyOf(modelDir),
      maxTokens: limits.chunkTokensMax,
      fingerprint: basename(graphFile, ".onnx"),
    },
    tokenizer: await tokenizerOf(modelDir, embedding),
    clock,
    logger,
    ingestThreads: ingestThreads(config),
  });
}

/** The embedder's where both cut alike: a tokenizer takes 60 MB. */
async function tokenizerOf(
  modelDir: string,
  embedding: Pick<EmbeddingParts, "tokenizer" | "modelDir">,
): Promise<Tokenizer> {
  const rulesOf = (dir: string): unknown => {
    const file: unknown = JSON.parse(readText(join(dir, "tokenizer.json")) || "{}");
    const { normalizer, pre_tokenizer: words, model } = file as Record<string, unknown>;
    return { normalizer, words, model };
  };
  const isSame = isDeepStrictEqual(rulesOf(modelDir), rulesOf(embedding.modelDir));
  return isSame ? embedding.tokenizer : loadTokenizer(modelDir);
}

/** @throws FreshetError embedding_unavailable */
function vocabularyOf(modelDir: string): number {
  const config: unknown = JSON.parse(readText(join(modelDir, "config.json")) || "{}");
  const { vocab_size: size } = config as { readonly vocab_size?: unknown };
  if (Number.isSafeInteger(size)) return size as number;
  const message = `config.json in ${modelDir} does not say vocab_size`;
  throw new FreshetError("embedding_unavailable", message);
}

/** Empty where there is none. */
function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

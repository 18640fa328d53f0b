/**
 * From an encoder's published weights to our own fused ONNX graph. No Python, no export
 * tool.
 */

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { GraphVariant } from "../../src/embedding/precision.ts";
import { bertGraph, operatorSets } from "./bert-graph.ts";
import { CompileError, systemReason } from "./compile-error.ts";
import { type Pooling, readEncoderConfig } from "./encoder-config.ts";
import { readEncoderWeights } from "./encoder-weights.ts";
import { readExportedOnnx } from "./exported-onnx.ts";
import { encodeModel, type Graph } from "./onnx-proto.ts";
import { readQuantizedOnnx } from "./quantized-onnx.ts";
import { readSafetensors, type WeightFile } from "./safetensors.ts";
import { operatorsOf } from "./variants.ts";

export interface CompileRequest {
  /** Holds `config.json` and `model.safetensors`, or else `model.onnx`, or `model_q4.onnx`. */
  readonly modelDir: string;
  readonly outFile: string;
  readonly variant: GraphVariant;
  /** Default: what the model declares, else the mean. */
  readonly pooling?: Pooling | undefined;
}

export interface CompiledModel {
  readonly layers: number;
  /** Of each vector, or how many labels each token, or words each text, gets a value for. */
  readonly dimensions: number;
  readonly pooling: Pooling;
  /** Nodes per operator, by operator name in alphabetical order. */
  readonly opCounts: Record<string, number>;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Writes the graph. The same input gives the same bytes. The file appears whole or not at all: it
 * is written beside its place and renamed, so a killed run leaves nothing that looks finished.
 * @throws CompileError when the model is none that we compile, its files are missing or broken, or
 * `outFile` cannot be written.
 */
export async function compileModel(request: CompileRequest): Promise<CompiledModel> {
  const config = await readEncoderConfig(request.modelDir, request.pooling);
  const file = await readWeights(request.modelDir);
  const graph = bertGraph(config, readEncoderWeights(file, config), operatorsOf[request.variant]);
  const bytes = encodeModel(graph, operatorSets);
  await writeWhole(request.outFile, bytes);
  return {
    layers: config.layers,
    dimensions: config.labels ?? (config.makesTerms ? config.vocabulary : config.hidden),
    pooling: config.pooling,
    opCounts: countOperators(graph),
    bytes: bytes.byteLength,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  };
}

/** A graph is read where nothing better was published: only what it holds is needed. */
function readWeights(modelDir: string): Promise<WeightFile> {
  const [exact, exported, quantized] = ["model.safetensors", "model.onnx", "model_q4.onnx"].map(
    (name) => join(modelDir, name),
  ) as [string, string, string];
  if (!existsSync(exact) && existsSync(exported)) return readExportedOnnx(exported);
  return existsSync(quantized) && !existsSync(exact)
    ? readQuantizedOnnx(quantized)
    : readSafetensors(exact);
}

function countOperators(graph: Graph): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { op } of graph.nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function writeWhole(outFile: string, bytes: Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(outFile), { recursive: true });
    await writeAndRename(outFile, bytes);
  } catch (cause) {
    throw new CompileError(`${outFile} cannot be written: ${systemReason(cause)}`, { cause });
  }
}

async function writeAndRename(outFile: string, bytes: Uint8Array): Promise<void> {
  const partial = `${outFile}.partial-${process.pid}`;
  try {
    await writeFile(partial, bytes, { flush: true });
    await rename(partial, outFile);
  } finally {
    await rm(partial, { force: true });
  }
}

/** What the model compiler can be told. */

import { statSync } from "node:fs";
import { resolve } from "node:path";
import { Command, Option } from "commander";
import type { GraphVariant } from "../../src/embedding/precision.ts";
import type { Pooling } from "./encoder-config.ts";
import { operatorsOf } from "./variants.ts";

export interface ModelOptions {
  /** Absolute path of a folder that exists. */
  readonly modelDir: string;
  /** Absolute path. */
  readonly outFile: string;
  readonly variant: GraphVariant;
  readonly pooling: Pooling | undefined;
  readonly json: boolean;
}

const about = `Compiles a BERT sentence encoder (all-MiniLM, bge, e5, gte and the like) into one fused ONNX graph:
token ids and mask in, one unit vector per row out. The same input gives the same bytes.

  fp32   for any CPU; the reference
  int8   for CPUs with VNNI: weights and products in int8
  fp16   for GPUs
  plain-fp32, plain-fp16   for WebGPU, which lacks the fused operators of attention

Exit codes: 0 done, 1 failed, 2 usage`;

const poolings: readonly Pooling[] = ["mean", "cls"];

/** @throws CommanderError, whose exit code is 0 after help and 2 for bad usage. */
export function readModelOptions(argv: readonly string[], cwd: string): ModelOptions {
  const program = new Command("ops/node node ops/model/main.ts")
    .description(about)
    .requiredOption(
      "--model-dir <folder>",
      "folder with model.safetensors (F32, F16 or BF16) and config.json",
    )
    .requiredOption("--out <file>", "where the graph is written")
    .addOption(
      new Option("--variant <name>", "precision of the arithmetic, and which operators")
        .choices(Object.keys(operatorsOf))
        .default("fp32"),
    )
    .addOption(
      new Option(
        "--pooling <name>",
        "default: what 1_Pooling/config.json declares, else mean",
      ).choices(poolings),
    )
    .option("--json", "print the summary as JSON", false)
    .allowExcessArguments(false)
    .exitOverride((error) => {
      // Commander's own code for bad usage is 1; ours is 2. Help is no error.
      throw Object.assign(error, { exitCode: error.exitCode === 0 ? 0 : 2 });
    })
    .parse(argv, { from: "user" });
  const { modelDir, out, variant, pooling, json } = program.opts<{
    modelDir: string;
    out: string;
    variant: GraphVariant;
    pooling?: Pooling;
    json: boolean;
  }>();
  const folder = resolve(cwd, modelDir);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    program.error(`error: --model-dir: there is no folder ${modelDir}`);
  }
  return { modelDir: folder, outFile: resolve(cwd, out), variant, pooling, json };
}

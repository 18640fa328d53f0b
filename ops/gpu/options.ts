/** What the check of GPUs can be told. */

import { Command, InvalidArgumentError, Option } from "commander";
import { type EmbedProvider, embedProviders } from "../../src/embedding/precision.ts";

export interface CheckOptions {
  readonly providers: readonly EmbedProvider[];
  readonly batches: readonly number[];
  readonly tokens: number;
  /** All of it ends by then; what is not measured is left out. */
  readonly limitS: number;
  readonly modelDir: string | undefined;
  readonly synthetic: boolean;
  readonly json: boolean;
  /** Instead of a check: a folder to carry to a machine that has nothing. */
  readonly pack: string | undefined;
}

const about = `Embeds the same texts on the CPU in fp32 and by each provider that is here, and prints the worst
cosine and the documents per second for each size of batch. Needs no network.

Exit codes: 0 all that is here agrees with the CPU (cosine >= 0.9999), 1 it does not, or fails on the
way, 2 usage, 3 there is no GPU that can be used: the reason of each provider is printed`;

const batchSizes = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** @throws CommanderError, whose exit code is 0 after help and 2 for bad usage. */
export function readCheckOptions(argv: readonly string[]): CheckOptions {
  return new Command("ops/gpu-check")
    .description(about)
    .option("--providers <names>", "with commas between", listOf(providerOf), [
      "cpu",
      "webgpu",
      "cuda",
    ])
    .option(
      "--batches <sizes>",
      "texts of a batch, with commas between",
      listOf(whole(512)),
      batchSizes,
    )
    .option("--tokens <n>", "tokens of a text", whole(256), 128)
    .option("--limit-s <n>", "seconds after which it ends", whole(3_600), 420)
    .option("--model-dir <folder>", "weights (model.safetensors, config.json); default: the cache")
    .option(
      "--synthetic",
      "random weights of the same shape; by itself where there are no others",
      false,
    )
    .option("--json", "print one JSON object", false)
    .addOption(
      new Option(
        "--pack <folder>",
        "write Node, packages and a script for a bare machine",
      ).conflicts("json"),
    )
    .allowExcessArguments(false)
    .exitOverride((error) => {
      throw Object.assign(error, { exitCode: error.exitCode === 0 ? 0 : 2 });
    })
    .parse([...argv], { from: "user" })
    .opts<CheckOptions & { modelDir?: string; pack?: string }>();
}

function listOf<T>(each: (text: string) => T): (text: string) => T[] {
  return (text) => text.split(",").map((part) => each(part.trim()));
}

function providerOf(text: string): EmbedProvider {
  const found = embedProviders.find((name) => name === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`It can be ${embedProviders.join(", ")}.`);
}

function whole(most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= 1 && value <= most) return value;
    throw new InvalidArgumentError(`It is a whole number from 1 to ${most}.`);
  };
}

/** What a BERT encoder's `config.json` says about its sizes; anything that we cannot compile is refused. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";

export type Pooling = "mean" | "cls";

export interface EncoderConfig {
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly positions: number;
  readonly vocabulary: number;
  readonly tokenTypes: number;
  readonly layerNormEpsilon: number;
  readonly pooling: Pooling;
}

/**
 * Reads `<modelDir>/config.json`. Pooling is the caller's choice, else what sentence-transformers'
 * `1_Pooling/config.json` says when the model comes with one, else the mean.
 */
export async function readEncoderConfig(
  modelDir: string,
  pooling?: Pooling | undefined,
): Promise<EncoderConfig> {
  const path = join(modelDir, "config.json");
  const config = await readJson(path);
  requireValue(config, "model_type", ["bert"]);
  requireValue(config, "hidden_act", ["gelu"]);
  requireValue(config, "position_embedding_type", ["absolute", undefined]);
  const size = (key: string): number => {
    const value = config[key];
    if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
    throw new Error(`${path}: ${key} is not a positive whole number`);
  };
  const epsilon = config["layer_norm_eps"];
  if (typeof epsilon !== "number") throw new Error(`${path}: layer_norm_eps is missing`);
  const result: EncoderConfig = {
    layers: size("num_hidden_layers"),
    hidden: size("hidden_size"),
    heads: size("num_attention_heads"),
    intermediate: size("intermediate_size"),
    positions: size("max_position_embeddings"),
    vocabulary: size("vocab_size"),
    tokenTypes: size("type_vocab_size"),
    layerNormEpsilon: epsilon,
    pooling: pooling ?? (await declaredPooling(modelDir)) ?? "mean",
  };
  if (result.hidden % result.heads !== 0) {
    throw new Error(`${path}: hidden_size is no multiple of num_attention_heads`);
  }
  return result;
}

async function declaredPooling(modelDir: string): Promise<Pooling | undefined> {
  const path = join(modelDir, "1_Pooling", "config.json");
  const config = await readJson(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  });
  if (config === undefined) return undefined;
  if (config["pooling_mode_cls_token"] === true) return "cls";
  if (config["pooling_mode_mean_tokens"] === true) return "mean";
  throw new Error(`${path}: only mean and cls pooling are compiled`);
}

function requireValue(
  config: Readonly<Record<string, unknown>>,
  key: string,
  allowed: readonly (string | undefined)[],
): void {
  if (allowed.includes(config[key] as string | undefined)) return;
  throw new Error(
    `config.json: ${key} is ${String(config[key])}; compiled are ${allowed.join(", ")}`,
  );
}

async function readJson(path: string): Promise<Readonly<Record<string, unknown>>> {
  const value: unknown = JSON.parse(await readFile(path, "utf8"));
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw new Error(`${path} is not a JSON object`);
}

/**
 * What a BERT encoder's `config.json` says about its sizes; anything that we cannot compile is
 * refused.
 */

import { join } from "node:path";
import { CompileError } from "./compile-error.ts";
import { parseJsonObject, readModelFile, readOptionalModelFile } from "./model-files.ts";

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
  /** How many labels a token classifier tells apart; undefined for a sentence encoder. */
  readonly labels: number | undefined;
  /** Whether it weighs the words of its vocabulary, as a learned-sparse encoder does. */
  readonly makesTerms: boolean;
}

/**
 * Reads `<modelDir>/config.json`; other keys than these are ignored. Pooling is the caller's
 * choice, else what sentence-transformers' `1_Pooling/config.json` says when the model comes with
 * one, else the mean.
 * @throws CompileError when it is missing, no JSON, or of a kind that the graph does not compute.
 */
export async function readEncoderConfig(
  modelDir: string,
  pooling?: Pooling | undefined,
): Promise<EncoderConfig> {
  const path = join(modelDir, "config.json");
  const config = parseJsonObject(await readModelFile(path), path);
  const mustBe = (key: string, allowed: readonly (string | undefined)[]): void => {
    if (allowed.includes(config[key] as string | undefined)) return;
    const compiled = allowed.filter((value) => value !== undefined).join(", ");
    throw new CompileError(`${path}: ${key} is ${String(config[key])}; compiled is ${compiled}`);
  };
  mustBe("model_type", ["bert"]);
  mustBe("hidden_act", ["gelu"]);
  mustBe("position_embedding_type", ["absolute", undefined]);
  const size = (key: string): number => {
    const value = config[key];
    if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
    throw new CompileError(`${path}: ${key} is not a positive whole number`);
  };
  const epsilon = config["layer_norm_eps"];
  if (typeof epsilon !== "number") throw new CompileError(`${path}: layer_norm_eps is missing`);
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
    labels: labelCount(config, path),
    makesTerms: isOf(config, "BertForMaskedLM"),
  };
  if (result.hidden % result.heads !== 0) {
    throw new CompileError(`${path}: hidden_size is no multiple of num_attention_heads`);
  }
  return result;
}

function isOf(config: Readonly<Record<string, unknown>>, architecture: string): boolean {
  const architectures = config["architectures"];
  return Array.isArray(architectures) && architectures.includes(architecture);
}

function labelCount(config: Readonly<Record<string, unknown>>, path: string): number | undefined {
  if (!isOf(config, "BertForTokenClassification")) return undefined;
  const labels = config["id2label"];
  const count = typeof labels === "object" && labels !== null ? Object.keys(labels).length : 0;
  if (count > 0) return count;
  throw new CompileError(`${path}: a token classifier without id2label`);
}

async function declaredPooling(modelDir: string): Promise<Pooling | undefined> {
  const path = join(modelDir, "1_Pooling", "config.json");
  const bytes = await readOptionalModelFile(path);
  if (bytes === undefined) return undefined;
  const config = parseJsonObject(bytes, path);
  if (config["pooling_mode_cls_token"] === true) return "cls";
  if (config["pooling_mode_mean_tokens"] === true) return "mean";
  throw new CompileError(`${path}: only mean and cls pooling are compiled`);
}

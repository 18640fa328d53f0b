/**
 * A BERT encoder's weights in the layout that the fused operators take. Pure apart from the reader.
 */

import type { EncoderConfig } from "./encoder-config.ts";
import type { WeightFile } from "./safetensors.ts";

/** y = x * weight + bias, with `weight` of `inputs` rows and `outputs` columns. */
export interface Linear {
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

export interface LayerNorm {
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
}

export interface EncoderLayer {
  /** Query, key and value side by side: hidden rows, 3 x hidden columns. */
  readonly queryKeyValue: Linear;
  readonly attentionOutput: Linear;
  readonly attentionNorm: LayerNorm;
  readonly intermediate: Linear;
  readonly output: Linear;
  readonly outputNorm: LayerNorm;
}

/** BERT's head for masked words. */
export interface TermHead {
  readonly transform: Linear;
  readonly norm: LayerNorm;
  /** The words' embeddings, turned round, and a bias for each word. */
  readonly words: Linear;
}

export interface EncoderWeights {
  readonly words: Float32Array;
  /**
   * Position embeddings with the embedding of token type 0 added: a sentence has only that type.
   */
  readonly positions: Float32Array;
  readonly embeddingNorm: LayerNorm;
  readonly layers: readonly EncoderLayer[];
  /** From a token's last state to a value for each label; undefined in a sentence encoder. */
  readonly labels: Linear | undefined;
  /** From a token's last state to a value for each word; undefined in a sentence encoder. */
  readonly terms: TermHead | undefined;
}

export function readEncoderWeights(file: WeightFile, config: EncoderConfig): EncoderWeights {
  // A checkpoint saved from a model with a head keeps the encoder under "bert.".
  const prefix = file.has("bert.embeddings.word_embeddings.weight") ? "bert." : "";
  const source: Source = { file, prefix };
  const { hidden, positions, tokenTypes, vocabulary, labels } = config;
  const words = read(source, "embeddings.word_embeddings.weight", [vocabulary, hidden]);
  return {
    words,
    positions: addRow(
      read(source, "embeddings.position_embeddings.weight", [positions, hidden]),
      read(source, "embeddings.token_type_embeddings.weight", [tokenTypes, hidden]),
      hidden,
    ),
    embeddingNorm: readNorm(source, "embeddings.LayerNorm", hidden),
    layers: Array.from({ length: config.layers }, (_, index) => readLayer(source, index, config)),
    labels:
      labels === undefined
        ? undefined
        : readLinear({ file, prefix: "" }, "classifier", { inputs: hidden, outputs: labels }),
    terms: config.makesTerms ? readTermHead(file, config, words) : undefined,
  };
}

interface Source {
  readonly file: WeightFile;
  readonly prefix: string;
}

function read(source: Source, name: string, shape: readonly number[]): Float32Array {
  return source.file.read(`${source.prefix}${name}`, shape).values;
}

function readLayer(source: Source, index: number, config: EncoderConfig): EncoderLayer {
  const { hidden, intermediate } = config;
  const at = `encoder.layer.${index}`;
  const square = { inputs: hidden, outputs: hidden };
  return {
    queryKeyValue: joinColumns(
      ["query", "key", "value"].map((part) =>
        readLinear(source, `${at}.attention.self.${part}`, square),
      ),
    ),
    attentionOutput: readLinear(source, `${at}.attention.output.dense`, square),
    attentionNorm: readNorm(source, `${at}.attention.output.LayerNorm`, hidden),
    intermediate: readLinear(source, `${at}.intermediate.dense`, {
      inputs: hidden,
      outputs: intermediate,
    }),
    output: readLinear(source, `${at}.output.dense`, { inputs: intermediate, outputs: hidden }),
    outputNorm: readNorm(source, `${at}.output.LayerNorm`, hidden),
  };
}

/** A checkpoint of TensorFlow's age calls them gamma and beta. */
function readNorm(source: Source, name: string, size: number): LayerNorm {
  const isOld = source.file.has(`${source.prefix}${name}.gamma`);
  return {
    gamma: read(source, `${name}.${isOld ? "gamma" : "weight"}`, [size]),
    beta: read(source, `${name}.${isOld ? "beta" : "bias"}`, [size]),
  };
}

/**
 * PyTorch stores a linear layer's weight with one row per output; the operators want one column.
 */
function readLinear(
  source: Source,
  name: string,
  { inputs, outputs }: { inputs: number; outputs: number },
): Linear {
  const stored = read(source, `${name}.weight`, [outputs, inputs]);
  const weight = turned(stored, { inputs, outputs });
  return { inputs, outputs, weight, bias: read(source, `${name}.bias`, [outputs]) };
}

function turned(
  stored: Float32Array,
  { inputs, outputs }: { inputs: number; outputs: number },
): Float32Array {
  const weight = new Float32Array(stored.length);
  for (let row = 0; row < outputs; row++) {
    for (let column = 0; column < inputs; column++) {
      weight[column * outputs + row] = stored[row * inputs + column] as number;
    }
  }
  return weight;
}

/** @param words the embeddings of the vocabulary, which the head shares with the input */
function readTermHead(
  file: WeightFile,
  { hidden, vocabulary }: EncoderConfig,
  words: Float32Array,
): TermHead {
  const source = { file, prefix: "cls.predictions." };
  return {
    transform: readLinear(source, "transform.dense", { inputs: hidden, outputs: hidden }),
    norm: readNorm(source, "transform.LayerNorm", hidden),
    words: {
      inputs: hidden,
      outputs: vocabulary,
      weight: turned(words, { inputs: hidden, outputs: vocabulary }),
      bias: read(source, "bias", [vocabulary]),
    },
  };
}

function joinColumns(parts: readonly Linear[]): Linear {
  const inputs = parts[0]?.inputs ?? 0;
  const outputs = parts.reduce((sum, part) => sum + part.outputs, 0);
  const weight = new Float32Array(inputs * outputs);
  const bias = new Float32Array(outputs);
  let offset = 0;
  for (const part of parts) {
    bias.set(part.bias, offset);
    for (let row = 0; row < inputs; row++) {
      const from = row * part.outputs;
      weight.set(part.weight.subarray(from, from + part.outputs), row * outputs + offset);
    }
    offset += part.outputs;
  }
  return { inputs, outputs, weight, bias };
}

/** Adds the first row of `rows` to every row of `matrix`. */
function addRow(matrix: Float32Array, rows: Float32Array, width: number): Float32Array {
  return matrix.map((value, index) => value + (rows[index % width] as number));
}

/**
 * Whole BERT encoders of a few kilobytes with seeded weights, so that the compiler is tested
 * offline.
 */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface EncoderSizes {
  readonly hidden: number;
  readonly heads: number;
  readonly layers: number;
  readonly intermediate: number;
  readonly vocabulary: number;
}

export interface EncoderTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array<ArrayBuffer>;
}

export interface StoredAs {
  readonly dtype?: "F32" | "F16" | "BF16" | "I64";
  /** Put before each tensor's name, as a checkpoint with a head does. */
  readonly prefix?: string;
}

export const tinySizes = { hidden: 16, heads: 4, layers: 2, intermediate: 32, vocabulary: 50 };

/** As deep as bge-small, e5-small and gte-small. */
export const deepSizes = { hidden: 32, heads: 4, layers: 12, intermediate: 64, vocabulary: 50 };

export const epsilon = 1e-12;
const positions = 24;
const tokenTypes = 2;

export function configOf(sizes: EncoderSizes) {
  return {
    model_type: "bert",
    hidden_act: "gelu",
    hidden_size: sizes.hidden,
    intermediate_size: sizes.intermediate,
    num_attention_heads: sizes.heads,
    num_hidden_layers: sizes.layers,
    max_position_embeddings: positions,
    type_vocab_size: tokenTypes,
    vocab_size: sizes.vocabulary,
    layer_norm_eps: epsilon,
  };
}

export const tinyConfig = configOf(tinySizes);

/** As a learned-sparse encoder says that it has the head for masked words. */
export const termConfig = { ...tinyConfig, architectures: ["BertForMaskedLM"] };

/** Writes `config.json` and `model.safetensors` into `folder`. */
export async function writeTinyEncoder(folder: string, config: object = tinyConfig): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  await writeFile(join(folder, "model.safetensors"), tinySafetensors());
}

export function tinySafetensors(stored: StoredAs = {}): Buffer {
  return safetensorsOf(randomTensors(tinySizes), stored);
}

/** The same for the same sizes. */
export function randomTensors(sizes: EncoderSizes): Map<string, EncoderTensor> {
  return randomly(tensorShapes(sizes));
}

/** An encoder with the head for masked words. */
export function termTensors(sizes: EncoderSizes): Map<string, EncoderTensor> {
  const { hidden, vocabulary } = sizes;
  const at = "cls.predictions";
  return randomly([
    ...tensorShapes(sizes),
    [`${at}.transform.dense.weight`, [hidden, hidden]],
    [`${at}.transform.dense.bias`, [hidden]],
    [`${at}.transform.LayerNorm.weight`, [hidden]],
    [`${at}.transform.LayerNorm.bias`, [hidden]],
    [`${at}.bias`, [vocabulary]],
  ]);
}

function randomly(
  shapes: readonly (readonly [string, readonly number[]])[],
): Map<string, EncoderTensor> {
  const random = mulberry32(7);
  const tensors = new Map<string, EncoderTensor>();
  for (const [name, shape] of shapes) {
    const size = shape.reduce((product, dim) => product * dim, 1);
    // Around 1 for the scales of layer norms, as in a trained model; around 0 for all else.
    const centre = name.endsWith("LayerNorm.weight") ? 1 : 0;
    const spread = spreadOf(name);
    const values = Float32Array.from({ length: size }, () => centre + spread * (random() - 0.5));
    tensors.set(name, { shape, values });
  }
  return tensors;
}

/**
 * What all tokens have in common (biases, what attention mixes in) is small, as in a trained model.
 * Else they become one within 12 layers, and a wrong pooling or a wrong mask would not show.
 */
function spreadOf(name: string): number {
  if (name.endsWith(".bias")) return 0.1;
  return name.endsWith("output.dense.weight") ? 0.15 : 1;
}

/** The bytes of a safetensors file. */
export function safetensorsOf(
  tensors: ReadonlyMap<string, EncoderTensor>,
  { dtype = "F32", prefix = "" }: StoredAs = {},
): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [name, { shape, values }] of tensors) {
    const bytes = Buffer.from(narrowed(values, dtype).buffer);
    const end = offset + bytes.byteLength;
    header[`${prefix}${name}`] = { dtype, shape, data_offsets: [offset, end] };
    parts.push(bytes);
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.byteLength));
  return Buffer.concat([length, json, ...parts]);
}

function narrowed(values: Float32Array<ArrayBuffer>, dtype: NonNullable<StoredAs["dtype"]>) {
  switch (dtype) {
    case "F32":
      return values;
    case "F16":
      return new Float16Array(values);
    case "BF16":
      // Cut and not rounded, so that the test knows the value that must come back.
      return Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16);
    case "I64":
      return BigInt64Array.from(values, (value) => BigInt(Math.round(value)));
  }
}

function tensorShapes({
  hidden,
  intermediate,
  layers,
  vocabulary,
}: EncoderSizes): [string, number[]][] {
  const linear = (name: string, outputs: number, inputs: number): [string, number[]][] => [
    [`${name}.weight`, [outputs, inputs]],
    [`${name}.bias`, [outputs]],
  ];
  const norm = (name: string): [string, number[]][] => [
    [`${name}.LayerNorm.weight`, [hidden]],
    [`${name}.LayerNorm.bias`, [hidden]],
  ];
  const encoder = Array.from({ length: layers }, (_, index) => `encoder.layer.${index}`);
  return [
    ["embeddings.word_embeddings.weight", [vocabulary, hidden]],
    ["embeddings.position_embeddings.weight", [positions, hidden]],
    ["embeddings.token_type_embeddings.weight", [tokenTypes, hidden]],
    ...norm("embeddings"),
    ...encoder.flatMap((at) => [
      ...["query", "key", "value"].flatMap((part) =>
        linear(`${at}.attention.self.${part}`, hidden, hidden),
      ),
      ...linear(`${at}.attention.output.dense`, hidden, hidden),
      ...norm(`${at}.attention.output`),
      ...linear(`${at}.intermediate.dense`, intermediate, hidden),
      ...linear(`${at}.output.dense`, hidden, intermediate),
      ...norm(`${at}.output`),
    ]),
  ];
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** A whole BERT encoder of a few kilobytes with seeded weights, so that the compiler is tested offline. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

export const tinySizes = { hidden: 16, heads: 4, layers: 2, intermediate: 32, vocabulary: 50 };
const positions = 24;
const tokenTypes = 2;

export const tinyConfig = {
  model_type: "bert",
  hidden_act: "gelu",
  hidden_size: tinySizes.hidden,
  intermediate_size: tinySizes.intermediate,
  num_attention_heads: tinySizes.heads,
  num_hidden_layers: tinySizes.layers,
  max_position_embeddings: positions,
  type_vocab_size: tokenTypes,
  vocab_size: tinySizes.vocabulary,
  layer_norm_eps: 1e-12,
};

/** Writes `config.json` and `model.safetensors` into `folder`. */
export async function writeTinyEncoder(folder: string, config: object = tinyConfig): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  await writeFile(join(folder, "model.safetensors"), tinySafetensors());
}

/** The file's bytes; `names` is put before each tensor's name, as a checkpoint with a head does. */
export function tinySafetensors(names = ""): Buffer {
  const random = mulberry32(7);
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [name, shape] of tensorShapes()) {
    const size = shape.reduce((product, dim) => product * dim, 1);
    // Around 1 for the scales of layer norms, as in a trained model; around 0 for all else.
    const centre = name.endsWith("LayerNorm.weight") ? 1 : 0;
    const values = Float32Array.from({ length: size }, () => centre + random() - 0.5);
    parts.push(Buffer.from(values.buffer));
    header[`${names}${name}`] = {
      dtype: "F32",
      shape,
      data_offsets: [offset, offset + values.byteLength],
    };
    offset += values.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.byteLength));
  return Buffer.concat([length, json, ...parts]);
}

function tensorShapes(): [string, number[]][] {
  const { hidden, intermediate, layers, vocabulary } = tinySizes;
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

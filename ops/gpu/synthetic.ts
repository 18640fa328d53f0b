/**
 * Weights of all-MiniLM-L6-v2's shape drawn at random: for a machine that has no model and no
 * network. The arithmetic, and so its speed and its rounding, is that of the model; its vectors
 * mean nothing.
 */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const config = {
  model_type: "bert",
  hidden_act: "gelu",
  num_hidden_layers: 6,
  hidden_size: 384,
  num_attention_heads: 12,
  intermediate_size: 1_536,
  max_position_embeddings: 512,
  vocab_size: 30_522,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
};
const spread = 0.06;

type Shapes = [name: string, shape: readonly number[]][];

export async function writeSyntheticModel(folder: string): Promise<void> {
  const shapes = tensorShapes();
  const header: Record<string, unknown> = {};
  let end = 0;
  for (const [name, shape] of shapes) {
    const start = end;
    end += sizeOf(shape) * Float32Array.BYTES_PER_ELEMENT;
    header[name] = { dtype: "F32", shape, data_offsets: [start, end] };
  }
  const head = Buffer.from(JSON.stringify(header));
  const file = Buffer.alloc(8 + head.length + end);
  file.writeBigUInt64LE(BigInt(head.length));
  head.copy(file, 8);
  let at = 8 + head.length;
  const next = uniform();
  for (const [name, shape] of shapes) {
    const isGain = name.endsWith("LayerNorm.weight");
    for (let i = sizeOf(shape); i > 0; i -= 1) {
      at = file.writeFloatLE(isGain ? 1 : spread * (next() - 0.5), at);
    }
  }
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "model.safetensors"), file);
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
}

function tensorShapes(): Shapes {
  const { hidden_size: hidden, intermediate_size: wide, num_hidden_layers: layers } = config;
  const linear = (name: string, outputs: number, inputs: number): Shapes => [
    [`${name}.weight`, [outputs, inputs]],
    [`${name}.bias`, [outputs]],
  ];
  const norm = (name: string): Shapes => [
    [`${name}.weight`, [hidden]],
    [`${name}.bias`, [hidden]],
  ];
  const layer = (at: string): Shapes => [
    ...["query", "key", "value"].flatMap((part) =>
      linear(`${at}.attention.self.${part}`, hidden, hidden),
    ),
    ...linear(`${at}.attention.output.dense`, hidden, hidden),
    ...norm(`${at}.attention.output.LayerNorm`),
    ...linear(`${at}.intermediate.dense`, wide, hidden),
    ...linear(`${at}.output.dense`, hidden, wide),
    ...norm(`${at}.output.LayerNorm`),
  ];
  return [
    ["embeddings.word_embeddings.weight", [config.vocab_size, hidden]],
    ["embeddings.position_embeddings.weight", [config.max_position_embeddings, hidden]],
    ["embeddings.token_type_embeddings.weight", [config.type_vocab_size, hidden]],
    ...norm("embeddings.LayerNorm"),
    ...Array.from({ length: layers }, (_, index) => layer(`encoder.layer.${index}`)).flat(),
  ];
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Marsaglia's xorshift: the same weights on every machine. */
function uniform(): () => number {
  let state = 2_463_534_242;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

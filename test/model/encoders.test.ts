import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CompiledModel, compileModel } from "../../ops/model/compile.ts";
import { readEncoderConfig } from "../../ops/model/encoder-config.ts";
import { dot } from "../embedding/reference/reference.ts";
import { referenceVector } from "./reference-encoder.ts";
import { runGraph } from "./run-graph.ts";
import {
  configOf,
  deepSizes,
  type EncoderTensor,
  randomTensors,
  type StoredAs,
  safetensorsOf,
} from "./tiny-encoder.ts";

/** Of one token, of a few, and as long as the positions reach. */
const texts = [
  [3],
  [3, 14, 15],
  [1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9],
  Array.from({ length: 24 }, (_, i) => 1 + ((i * 7) % 49)),
];

const poolings = ["cls", "mean"] as const;

/** 1 - cosine. Measured: fp32 up to 1e-7, fp16 up to 1e-6, int8 up to 1e-4. */
const distanceMax = { fp32: 1e-6, fp16: 1e-5, int8: 2e-3 };

let modelDir: string;
let outFile: string;

beforeEach(async () => {
  modelDir = await mkdtemp(join(tmpdir(), "freshet-model-"));
  outFile = join(modelDir, "graph.onnx");
  await writeFile(join(modelDir, "config.json"), JSON.stringify(configOf(deepSizes)));
});
afterEach(() => rm(modelDir, { recursive: true, force: true }));

const store = (tensors: ReadonlyMap<string, EncoderTensor>, stored?: StoredAs) =>
  writeFile(join(modelDir, "model.safetensors"), safetensorsOf(tensors, stored));

const compile = (): Promise<CompiledModel> => compileModel({ modelDir, outFile, variant: "fp32" });

describe("an encoder of 12 layers", () => {
  const tensors = randomTensors(deepSizes);
  const reference = (pooling: "cls" | "mean") =>
    texts.map((ids) => referenceVector({ sizes: deepSizes, tensors, pooling }, ids));

  it.each(
    poolings.flatMap((pooling) =>
      (["fp32", "fp16", "int8"] as const).map((variant) => ({ pooling, variant })),
    ),
  )("is what plain loops compute: $pooling pooling in $variant", async ({ pooling, variant }) => {
    await store(tensors);
    const { layers, opCounts } = await compileModel({ modelDir, outFile, variant, pooling });
    expect(layers).toBe(12);
    expect(opCounts).toMatchObject({ SkipLayerNormalization: 24 });
    const made = await runGraph(outFile, texts);
    for (const [i, vector] of reference(pooling).entries()) {
      expect(1 - dot(made[i] ?? [], vector)).toBeLessThan(distanceMax[variant]);
    }
  });

  it("has vectors that tell texts and poolings apart by more than a variant may be off", () => {
    const [cls, mean] = poolings.map(reference) as [number[][], number[][]];
    for (const [i, vector] of cls.entries()) {
      if (i > 0) expect(1 - dot(vector, mean[i] ?? [])).toBeGreaterThan(4 * distanceMax.int8);
      for (const other of cls.slice(i + 1)) {
        expect(1 - dot(vector, other)).toBeGreaterThan(4 * distanceMax.int8);
      }
    }
  });
});

describe("the configuration of a published encoder", () => {
  it.each([
    { name: "bge-small-en-v1.5", hidden: 384, intermediate: 1536, pooling: "cls" },
    { name: "e5-small-v2", hidden: 384, intermediate: 1536, pooling: "mean" },
    { name: "gte-small", hidden: 384, intermediate: 1536, pooling: "mean" },
    { name: "bge-base-en-v1.5", hidden: 768, intermediate: 3072, pooling: "cls" },
  ] as const)("is understood: $name", async ({ hidden, intermediate, pooling }) => {
    await writeFile(join(modelDir, "config.json"), publishedConfig(hidden, intermediate));
    await mkdir(join(modelDir, "1_Pooling"));
    await writeFile(join(modelDir, "1_Pooling", "config.json"), publishedPooling(hidden, pooling));
    expect(await readEncoderConfig(modelDir)).toEqual({
      layers: 12,
      hidden,
      heads: 12,
      intermediate,
      positions: 512,
      vocabulary: 30522,
      tokenTypes: 2,
      layerNormEpsilon: 1e-12,
      pooling,
    });
  });
});

describe("a checkpoint", () => {
  it("may keep the encoder under a prefix", async () => {
    const tensors = randomTensors(deepSizes);
    await store(tensors);
    const plain = await compile();
    await store(tensors, { prefix: "bert." });
    expect(await compile()).toEqual(plain);
  });

  it.each(["F16", "BF16"] as const)("may hold %s, which is widened exactly", async (dtype) => {
    const tensors = randomTensors(deepSizes);
    await store(tensors, { dtype });
    const narrow = await compile();
    await store(new Map([...tensors].map(([name, tensor]) => [name, rounded(tensor, dtype)])));
    expect(narrow).toEqual(await compile());
  });

  it("may hold more than the encoder: a pooler, a head, position ids", async () => {
    const tensors = randomTensors(deepSizes);
    await store(tensors);
    const plain = await compile();
    for (const name of ["pooler.dense.weight", "cls.predictions.bias", "embeddings.position_ids"]) {
      tensors.set(name, { shape: [3], values: Float32Array.of(1, 2, 3) });
    }
    await store(tensors);
    expect(await compile()).toEqual(plain);
  });

  it("is refused when its weights are no floating-point numbers", async () => {
    await store(randomTensors(deepSizes), { dtype: "I64" });
    await expect(compile()).rejects.toThrow(/word_embeddings\.weight is I64; read are F32, F16/);
  });
});

/** With the keys that say nothing about the graph, as transformers writes them. */
function publishedConfig(hidden: number, intermediate: number): string {
  return JSON.stringify({
    architectures: ["BertModel"],
    attention_probs_dropout_prob: 0.1,
    classifier_dropout: null,
    hidden_act: "gelu",
    hidden_dropout_prob: 0.1,
    hidden_size: hidden,
    initializer_range: 0.02,
    intermediate_size: intermediate,
    layer_norm_eps: 1e-12,
    max_position_embeddings: 512,
    model_type: "bert",
    num_attention_heads: 12,
    num_hidden_layers: 12,
    pad_token_id: 0,
    position_embedding_type: "absolute",
    torch_dtype: "float32",
    type_vocab_size: 2,
    use_cache: true,
    vocab_size: 30522,
  });
}

/** As sentence-transformers writes it. */
function publishedPooling(dimensions: number, pooling: "cls" | "mean"): string {
  return JSON.stringify({
    word_embedding_dimension: dimensions,
    pooling_mode_cls_token: pooling === "cls",
    pooling_mode_mean_tokens: pooling === "mean",
    pooling_mode_max_tokens: false,
    pooling_mode_mean_sqrt_len_tokens: false,
  });
}

function rounded({ shape, values }: EncoderTensor, dtype: "F16" | "BF16"): EncoderTensor {
  if (dtype === "F16") return { shape, values: values.map((value) => Math.f16round(value)) };
  const bits = new Uint32Array(values.buffer).map((word) => word & 0xffff0000);
  return { shape, values: new Float32Array(bits.buffer) };
}

import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CompiledModel, compileModel } from "../../ops/model/compile.ts";
import { readEncoderConfig } from "../../ops/model/encoder-config.ts";
import { choosePrecision, cpuFlagsOf, type GraphVariant } from "../../src/embedding/precision.ts";
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
type Pooling = (typeof poolings)[number];

interface Request {
  readonly pooling: Pooling;
  readonly variant: GraphVariant;
  readonly of?: ReadonlyMap<string, EncoderTensor>;
  /** 1 - cosine. */
  readonly max?: number;
}

const cpuinfo = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
const hasVnni =
  choosePrecision({ wanted: "auto", provider: "cpu", cpuFlags: cpuFlagsOf(cpuinfo) }) === "int8";

/** 1 - cosine. Measured: fp32 up to 1e-7, fp16 up to 1e-6, int8 up to 1e-4. */
const distanceMax = {
  ...{ fp32: 1e-6, fp16: 1e-5, int8: 2e-3 },
  ...{ "plain-fp32": 1e-6, "plain-fp16": 1e-5 },
};
/** Measured up to 4e-4. Those vectors lie closer to each other. */
const withoutPairsMax = 7e-4;

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
  const reference = (pooling: Pooling, of: ReadonlyMap<string, EncoderTensor> = tensors) =>
    texts.map((ids) => referenceVector({ sizes: deepSizes, tensors: of, pooling }, ids));

  const check = async (request: Request): Promise<void> => {
    const { of = tensors, max = distanceMax[request.variant], ...variant } = request;
    await store(of);
    const { layers, opCounts } = await compileModel({ modelDir, outFile, ...variant });
    expect(layers).toBe(12);
    expect(opCounts).toMatchObject({ SkipLayerNormalization: 24 });
    const made = await runGraph(outFile, texts);
    for (const [i, vector] of reference(request.pooling, of).entries()) {
      expect(1 - dot(made[i] ?? [], vector)).toBeLessThan(max);
    }
  };

  it.each(
    poolings.flatMap((pooling) =>
      (["fp32", "fp16", "plain-fp32", "plain-fp16"] as const).map((variant) => ({
        pooling,
        variant,
      })),
    ),
  )("is what plain loops compute: $pooling pooling in $variant", (request) => check(request));

  // Promised for CPUs with VNNI: others add pairs of products in 16 bits, which full weights
  // overflow (precision.ts).
  it.runIf(hasVnni).each(poolings)(
    "is what plain loops compute on a CPU with VNNI: %s pooling in int8",
    (pooling) => check({ pooling, variant: "int8" }),
  );

  it.each(poolings)(
    "is what plain loops compute on any CPU, while no pair of products overflows: %s pooling in int8",
    (pooling) =>
      check({ pooling, variant: "int8", of: withoutPairs(tensors), max: withoutPairsMax }),
  );

  it.each([
    { name: "full", of: tensors, max: distanceMax.int8 },
    { name: "without pairs", of: withoutPairs(tensors), max: withoutPairsMax },
  ])(
    "has vectors that tell texts and poolings apart by more than a variant may be off: $name",
    ({ of, max }) => {
      const [cls, mean] = poolings.map((pooling) => reference(pooling, of)) as [
        number[][],
        number[][],
      ];
      for (const [i, vector] of cls.entries()) {
        if (i > 0) expect(1 - dot(vector, mean[i] ?? [])).toBeGreaterThan(4 * max);
        for (const other of cls.slice(i + 1)) {
          expect(1 - dot(vector, other)).toBeGreaterThan(4 * max);
        }
      }
    },
  );
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
      makesTerms: false,
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

/**
 * Every second input of each product weighs nothing: of two neighbours, whose products AVX2 adds in
 * 16 bits, one is 0, and 255 x 127 of the other fits. The others weigh more instead, so that
 * vectors lie as far apart as before.
 */
function withoutPairs(tensors: ReadonlyMap<string, EncoderTensor>): Map<string, EncoderTensor> {
  return new Map(
    [...tensors].map(([name, tensor]) => {
      const isProduct = name.startsWith("encoder.") && tensor.shape.length === 2;
      // A checkpoint stores [outputs, inputs], and inputs are even in number.
      const weigh = (value: number, at: number) => (at % 2 === 1 ? 0 : value * Math.SQRT2);
      return [name, isProduct ? { ...tensor, values: tensor.values.map(weigh) } : tensor];
    }),
  );
}

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

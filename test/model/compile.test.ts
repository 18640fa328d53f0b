import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bertGraph } from "../../ops/model/bert-graph.ts";
import { compileModel } from "../../ops/model/compile.ts";
import { readEncoderConfig } from "../../ops/model/encoder-config.ts";
import { readEncoderWeights } from "../../ops/model/encoder-weights.ts";
import { dataType } from "../../ops/model/onnx-proto.ts";
import { readSafetensors } from "../../ops/model/safetensors.ts";
import { operatorsOf } from "../../ops/model/variants.ts";
import { runGraph } from "./run-graph.ts";
import {
  epsilon,
  randomTensors,
  safetensorsOf,
  tinyConfig,
  tinySafetensors,
  tinySizes,
  writeTinyEncoder,
} from "./tiny-encoder.ts";

let modelDir: string;
let outFile: string;

beforeEach(async () => {
  modelDir = await mkdtemp(join(tmpdir(), "freshet-model-"));
  outFile = join(modelDir, "out", "graph.onnx");
  await writeTinyEncoder(modelDir);
});
afterEach(() => rm(modelDir, { recursive: true, force: true }));

const variants = ["fp32", "int8", "fp16"] as const;
const compile = () => compileModel({ modelDir, outFile, variant: "fp32" });

async function graphIn(variant: (typeof variants)[number]) {
  const config = await readEncoderConfig(modelDir);
  const file = await readSafetensors(join(modelDir, "model.safetensors"));
  return bertGraph(config, readEncoderWeights(file, config), operatorsOf[variant]);
}

describe("a compiled graph", () => {
  it("consists of fused operators, one of each kind per place in a layer", async () => {
    const { opCounts } = await compile();
    const { layers } = tinySizes;
    expect(opCounts).toEqual({
      Attention: layers,
      BiasGelu: layers,
      Cast: 1,
      Div: 2,
      EmbedLayerNormalization: 1,
      MatMul: 3 * layers + 1,
      ReduceL2: 1,
      ReduceSum: 1,
      SkipLayerNormalization: 2 * layers,
      Squeeze: 1,
      Unsqueeze: 1,
    });
  });

  it("in int8 multiplies in int8: no weight is widened to fp32 first", async () => {
    const { opCounts } = await compileModel({ modelDir, outFile, variant: "int8" });
    const { layers } = tinySizes;
    expect(opCounts).toEqual({
      BiasGelu: layers,
      // The mask's.
      Cast: 1,
      Div: 2,
      DynamicQuantizeLinear: layers,
      DynamicQuantizeMatMul: 3 * layers,
      EmbedLayerNormalization: 1,
      // The one of pooling.
      MatMul: 1,
      QAttention: layers,
      ReduceL2: 1,
      ReduceSum: 1,
      SkipLayerNormalization: 2 * layers,
      Squeeze: 1,
      Unsqueeze: 1,
    });
  });

  it("in fp16 casts once into the layers and once out of them, and is else the fp32 graph", async () => {
    const fp32 = await compile();
    const fp16 = await compileModel({ modelDir, outFile, variant: "fp16" });
    expect(fp16.opCounts).toEqual({ ...fp32.opCounts, Cast: 3 });
  });

  it("in fp16 holds the layers in float16, and what must not lose bits in float32", async () => {
    const { tensors, outputs } = await graphIn("fp16");
    const labelsOf = (type: number) =>
      tensors.filter((tensor) => tensor.type === type).map(({ name }) => name.replace(/_\d+$/, ""));
    expect(labelsOf(dataType.float)).toEqual(["words", "positions", "gamma", "beta"]);
    // Four products with a bias each, two norms.
    expect(labelsOf(dataType.float16)).toHaveLength(12 * tinySizes.layers);
    expect(outputs.map(({ type }) => type)).toEqual([dataType.float]);
  });

  it("in fp16 has norms whose epsilon is not zero in float16; else it is the model's", async () => {
    for (const [variant, expected] of [
      ["fp16", 2 ** -24],
      ["fp32", epsilon],
      ["int8", epsilon],
    ] as const) {
      const { nodes } = await graphIn(variant);
      const norms = nodes.filter(({ op }) => op === "SkipLayerNormalization");
      expect(norms).toHaveLength(2 * tinySizes.layers);
      for (const norm of norms) expect(norm.attributes["epsilon"]).toEqual({ float: expected });
    }
    expect(Math.f16round(2 ** -24)).toBeGreaterThan(0);
  });

  it.each(variants)("has the same bytes each time, and says which (%s)", async (variant) => {
    const first = await compileModel({ modelDir, outFile, variant });
    const bytes = await readFile(outFile);
    const second = await compileModel({ modelDir, outFile, variant });
    expect(await readFile(outFile)).toEqual(bytes);
    expect(second).toEqual(first);
    expect(first.bytes).toBe(bytes.byteLength);
    expect(first.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  it("makes unit vectors that padding does not change", async () => {
    await compile();
    const [alone] = await runGraph(outFile, [[3, 14, 15]]);
    const [padded] = await runGraph(outFile, [
      [3, 14, 15],
      [9, 2, 6, 5, 35, 8, 9],
    ]);
    expect(Math.hypot(...(alone ?? []))).toBeCloseTo(1, 5);
    for (const [i, value] of (alone ?? []).entries()) expect(padded?.[i]).toBeCloseTo(value, 5);
  });

  it("pools the mean or the first token as asked; for one token both are the same", async () => {
    const clsFile = join(modelDir, "cls.onnx");
    await compile();
    await compileModel({ modelDir, outFile: clsFile, variant: "fp32", pooling: "cls" });
    const texts = [[3], [3, 14, 15]];
    const means = await Promise.all(texts.map((ids) => runGraph(outFile, [ids])));
    const firsts = await Promise.all(texts.map((ids) => runGraph(clsFile, [ids])));
    expect(distance(means[0]?.[0], firsts[0]?.[0])).toBeLessThan(1e-5);
    expect(distance(means[1]?.[0], firsts[1]?.[0])).toBeGreaterThan(1e-2);
  });

  it("pools as the model declares when nobody asks", async () => {
    await mkdir(join(modelDir, "1_Pooling"));
    const declared = JSON.stringify({ pooling_mode_cls_token: true });
    await writeFile(join(modelDir, "1_Pooling", "config.json"), declared);
    const { opCounts } = await compile();
    expect(opCounts).toMatchObject({ Gather: 1 });
    expect(opCounts).not.toHaveProperty("Squeeze");
  });
});

describe("a model that cannot be compiled", () => {
  it("is refused when the weights were cut off, and leaves no file behind", async () => {
    const whole = tinySafetensors();
    for (const kept of [0, 4, 100, whole.byteLength - 4]) {
      await writeFile(join(modelDir, "model.safetensors"), whole.subarray(0, kept));
      await expect(compile()).rejects.toThrow(/too short|cut off|broken/);
    }
    await expect(readdir(join(modelDir, "out"))).rejects.toThrow(/ENOENT/);
  });

  it("is refused when weights and configuration do not belong together", async () => {
    await writeTinyEncoder(modelDir, { ...tinyConfig, intermediate_size: 64 });
    await expect(compile()).rejects.toThrow(/expected 64x16/);
    await writeTinyEncoder(modelDir, { ...tinyConfig, num_hidden_layers: 3 });
    await expect(compile()).rejects.toThrow(/no tensor encoder\.layer\.2/);
  });

  it("is refused when it is of a kind that the graph does not compute", async () => {
    const others = { model_type: "roberta", hidden_act: "relu", position_embedding_type: "rotary" };
    for (const [key, value] of Object.entries(others)) {
      await writeTinyEncoder(modelDir, { ...tinyConfig, [key]: value });
      await expect(compile()).rejects.toThrow(`${key} is ${value}`);
    }
    await writeTinyEncoder(modelDir, { ...tinyConfig, num_attention_heads: 5 });
    await expect(compile()).rejects.toThrow(/no multiple of num_attention_heads/);
  });

  it("is refused by name when a file is missing or is not what its name says", async () => {
    await writeFile(join(modelDir, "config.json"), "{");
    await expect(compile()).rejects.toThrow(/config\.json is not JSON/);
    await writeFile(join(modelDir, "config.json"), "[]");
    await expect(compile()).rejects.toThrow(/config\.json is not a JSON object/);
    await writeTinyEncoder(modelDir);
    await rm(join(modelDir, "model.safetensors"));
    await expect(compile()).rejects.toThrow(/model\.safetensors is missing/);
    await rm(join(modelDir, "config.json"));
    await expect(compile()).rejects.toThrow(/config\.json is missing/);
  });

  it("is refused in fp16 when a weight has no float16, and taken in fp32", async () => {
    const tensors = randomTensors(tinySizes);
    tensors.get("encoder.layer.1.output.dense.weight")?.values.set([1e5], 3);
    await writeFile(join(modelDir, "model.safetensors"), safetensorsOf(tensors));
    const fp16 = compileModel({ modelDir, outFile, variant: "fp16" });
    await expect(fp16).rejects.toThrow("a weight of 100000 is beyond float16");
    await compile();
  });

  it("leaves nothing behind when the graph cannot be written", async () => {
    const taken = join(modelDir, "config.json");
    const into = compileModel({ modelDir, outFile: join(taken, "graph.onnx"), variant: "fp32" });
    await expect(into).rejects.toThrow(/graph\.onnx cannot be written: E/);
    const over = compileModel({ modelDir, outFile: modelDir, variant: "fp32" });
    await expect(over).rejects.toThrow(/cannot be written: E/);
    expect(await readdir(dirname(modelDir))).not.toContainEqual(
      expect.stringContaining(`${basename(modelDir)}.partial`),
    );
  });
});

function distance(a: Float32Array | undefined, b: Float32Array | undefined): number {
  if (a === undefined || b === undefined) throw new Error("a graph returned no vector");
  return Math.hypot(...a.map((value, i) => value - (b[i] ?? Number.NaN)));
}

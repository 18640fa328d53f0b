import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { compileModel } from "../../ops/model/compile.ts";
import { runGraph } from "./run-graph.ts";
import { tinyConfig, tinySafetensors, tinySizes, writeTinyEncoder } from "./tiny-encoder.ts";

let modelDir: string;
let outFile: string;

beforeEach(async () => {
  modelDir = await mkdtemp(join(tmpdir(), "freshet-model-"));
  outFile = join(modelDir, "out", "graph.onnx");
  await writeTinyEncoder(modelDir);
});
afterEach(() => rm(modelDir, { recursive: true, force: true }));

const compile = () => compileModel({ modelDir, outFile, variant: "fp32" });

describe("a compiled graph", () => {
  it("consists of fused operators, one of each kind per place in a layer", async () => {
    const { opCounts } = await compile();
    const { layers } = tinySizes;
    expect(opCounts).toEqual({
      Attention: layers,
      BiasGelu: layers,
      Cast: 1,
      Div: 1,
      EmbedLayerNormalization: 1,
      LpNormalization: 1,
      MatMul: 3 * layers + 1,
      ReduceSum: 1,
      SkipLayerNormalization: 2 * layers,
      Squeeze: 1,
      Unsqueeze: 1,
    });
  });

  it("in int8 multiplies in int8: no weight is widened to fp32 first", async () => {
    const { opCounts } = await compileModel({ modelDir, outFile, variant: "int8" });
    const { layers } = tinySizes;
    expect(opCounts).toMatchObject({
      QAttention: layers,
      DynamicQuantizeLinear: layers,
      DynamicQuantizeMatMul: 3 * layers,
      // The one of pooling; the one Cast is the mask's.
      MatMul: 1,
      Cast: 1,
    });
    expect(opCounts).not.toHaveProperty("DequantizeLinear");
    expect(opCounts).not.toHaveProperty("Attention");
  });

  it("has the same bytes each time, and says which", async () => {
    const first = await compile();
    const bytes = await readFile(outFile);
    const second = await compile();
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

  it("is the same for a checkpoint that keeps the encoder under a prefix", async () => {
    const plain = await compile();
    await writeFile(join(modelDir, "model.safetensors"), tinySafetensors("bert."));
    expect(await compile()).toEqual(plain);
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
});

function distance(a: Float32Array | undefined, b: Float32Array | undefined): number {
  if (a === undefined || b === undefined) throw new Error("a graph returned no vector");
  return Math.hypot(...a.map((value, i) => value - (b[i] ?? Number.NaN)));
}

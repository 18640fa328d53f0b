import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CompiledModel, compileModel } from "../../ops/model/compile.ts";
import { modelDirectory } from "../embedding/model-files.ts";
import { dot, readReference } from "../embedding/reference/reference.ts";
import { runBatches } from "./run-graph.ts";

const variants = ["fp32", "int8", "fp16"] as const;
type Variant = (typeof variants)[number];

const around = { EmbedLayerNormalization: 1, ReduceL2: 1, ReduceSum: 1, Squeeze: 1, Unsqueeze: 1 };
const layers = { BiasGelu: 6, SkipLayerNormalization: 12, Div: 2 };
const float = { ...around, ...layers, Attention: 6, MatMul: 19 };
const operators: Record<Variant, Record<string, number>> = {
  fp32: { ...float, Cast: 1 },
  fp16: { ...float, Cast: 3 },
  int8: {
    ...around,
    ...layers,
    Cast: 1,
    DynamicQuantizeLinear: 6,
    DynamicQuantizeMatMul: 18,
    MatMul: 1,
    QAttention: 6,
  },
};

/** Tokens, with the two that every text gets: what is shorter is no sentence. */
const sentenceTokensMin = 5;
const texts = readReference();

let scratch: string;
const fileOf = (variant: Variant): string => join(scratch, `${variant}.onnx`);
const compiled = new Map<Variant, CompiledModel>();

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "freshet-model-"));
  for (const variant of variants) compiled.set(variant, await compileTo(variant, fileOf(variant)));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

const compileTo = (variant: Variant, outFile: string): Promise<CompiledModel> =>
  compileModel({ modelDir: modelDirectory(), variant, outFile });

const made = new Map<Variant, Promise<Float32Array[]>>();

/** One text at a time: in int8 a text's vector depends a little on what else is in its batch. */
function vectorsOf(variant: Variant): Promise<Float32Array[]> {
  const alone = texts.map(({ ids }) => [ids]);
  const vectors = made.get(variant) ?? runBatches(fileOf(variant), alone);
  made.set(variant, vectors);
  return vectors;
}

async function cosinesToFp32(variant: Variant): Promise<{ tokens: number; cosine: number }[]> {
  const [own, exact] = [await vectorsOf(variant), await vectorsOf("fp32")];
  return texts.map(({ ids }, i) => ({
    tokens: ids.length,
    cosine: dot(own[i] ?? [], exact[i] ?? []),
  }));
}

describe("all-MiniLM-L6-v2, compiled", () => {
  it.each(variants)("consists of exactly these fused operators in %s", (variant) => {
    expect(compiled.get(variant)?.opCounts).toEqual(operators[variant]);
  });

  it.each(variants)("has the same bytes twice in %s", async (variant) => {
    const again = await compileTo(variant, join(scratch, "again.onnx"));
    expect(again).toEqual(compiled.get(variant));
  });

  it("in fp32 is the independent reference", async () => {
    const vectors = await vectorsOf("fp32");
    for (const [i, { vector }] of texts.entries()) {
      // The reference is rounded to five decimals.
      expect(dot(vectors[i] ?? [], vector)).toBeGreaterThan(0.99998);
    }
  });

  it("in fp16 is within 0.999 of fp32 for each text", async () => {
    // Measured: 0.99999 or better. The CPU rounds between operators and not inside them, as CUDA
    // does.
    for (const { cosine } of await cosinesToFp32("fp16")) expect(cosine).toBeGreaterThan(0.999);
  });

  it("in int8 is within 0.98 of fp32 for each sentence: a wrong scale would show", async () => {
    const cosines = await cosinesToFp32("int8");
    const sentences = cosines.filter(({ tokens }) => tokens >= sentenceTokensMin);
    expect(sentences.length).toBeGreaterThanOrEqual(10);
    // Measured with VNNI: 0.9876 to 0.9969.
    for (const { cosine } of sentences) expect(cosine).toBeGreaterThan(0.98);
    // Texts of one word or none lose more: 0.974 and 0.980.
    for (const { cosine } of cosines) expect(cosine).toBeGreaterThan(0.95);
  });
});

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileModel } from "../../ops/model/compile.ts";
import { cosine } from "../../src/contract/vector.ts";
import type { Precision } from "../../src/embedding/precision.ts";
import { referenceTerms } from "./reference-encoder.ts";
import { runGraph } from "./run-graph.ts";
import { safetensorsOf, termConfig, termTensors, tinySizes } from "./tiny-encoder.ts";

/** Of several lengths: in a batch the shorter ones are padded. */
const texts = [[3], [3, 14, 15], [1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9]];

let modelDir: string;
const tensors = termTensors(tinySizes);
const reference = texts.map((ids) =>
  referenceTerms({ sizes: tinySizes, tensors, pooling: "mean" }, ids),
);

beforeAll(async () => {
  modelDir = await mkdtemp(join(tmpdir(), "freshet-terms-"));
  await writeFile(join(modelDir, "config.json"), JSON.stringify(termConfig));
  await writeFile(join(modelDir, "model.safetensors"), safetensorsOf(tensors));
});
afterAll(() => rm(modelDir, { recursive: true, force: true }));

const compiled = async (variant: Precision): Promise<string> => {
  const outFile = join(modelDir, `${variant}.onnx`);
  const { dimensions } = await compileModel({ modelDir, outFile, variant });
  expect(dimensions).toBe(tinySizes.vocabulary);
  return outFile;
};

/** int8 loses on CPUs without VNNI, which add pairs of products in 16 bits (precision.ts). */
const cosineMin = { fp32: 0.999_999, fp16: 0.9999, int8: 0.95 } as const;

describe("an encoder with a head for masked words", () => {
  it("has weights above 0 and weights of 0 in these texts, so that a test can tell", () => {
    for (const weights of reference) {
      expect(weights.some((weight) => weight > 0.1)).toBe(true);
      expect(weights.some((weight) => weight === 0)).toBe(true);
    }
  });

  it.each(["fp32", "fp16", "int8"] as const)(
    "weighs words in %s as the definition says, alone and beside longer texts",
    async (variant) => {
      const file = await compiled(variant);
      const together = await runGraph(file, texts);
      for (const [row, expected] of reference.entries()) {
        const alone = (await runGraph(file, [texts[row] ?? []]))[0] ?? [];
        for (const made of [alone, together[row] ?? []]) {
          expect(cosine(made, expected)).toBeGreaterThan(cosineMin[variant]);
        }
      }
    },
  );
});

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { operatorSets } from "../../ops/model/bert-graph.ts";
import { compileModel } from "../../ops/model/compile.ts";
import { readExportedOnnx } from "../../ops/model/exported-onnx.ts";
import { dataType, encodeModel, type GraphNode, type Tensor } from "../../ops/model/onnx-proto.ts";
import { dot } from "../embedding/reference/reference.ts";
import { referenceVector } from "./reference-encoder.ts";
import { runGraph } from "./run-graph.ts";
import { randomTensors, tinyConfig, tinySizes } from "./tiny-encoder.ts";

const tensors = randomTensors(tinySizes);
let modelDir: string;

/** As transformers exports it: weights of products turned round, under names that say nothing. */
function exported(prefix: string): Uint8Array {
  const nodes: GraphNode[] = [];
  const stored: Tensor[] = [];
  for (const [name, { shape, values }] of tensors) {
    const [rows = 0, columns = 0] = shape;
    const isProduct = shape.length === 2 && !name.startsWith("embeddings.");
    const kept = isProduct ? turned(values, rows, columns) : values;
    const constant = isProduct ? `onnx::MatMul_${stored.length}` : `${prefix}${name}`;
    stored.push({
      name: constant,
      dims: isProduct ? [columns, rows] : shape,
      type: dataType.float,
      bytes: new Uint8Array(kept.buffer),
    });
    if (!isProduct) continue;
    nodes.push({
      name: `/${name.replace(/\.weight$/, "").replaceAll(/\.(?!\d)/g, "/")}/MatMul`,
      ...{ op: "MatMul", domain: "", inputs: ["x", constant], outputs: [`y${stored.length}`] },
      attributes: {},
    });
  }
  return encodeModel(
    { name: "exported", nodes, tensors: stored, inputs: [], outputs: [] },
    operatorSets,
  );
}

function turned(values: Float32Array, rows: number, columns: number): Float32Array<ArrayBuffer> {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      result[column * rows + row] = values[row * columns + column] as number;
    }
  }
  return result;
}

beforeAll(async () => {
  modelDir = await mkdtemp(join(tmpdir(), "freshet-exported-"));
  await writeFile(join(modelDir, "config.json"), JSON.stringify(tinyConfig));
});
afterAll(() => rm(modelDir, { recursive: true, force: true }));

describe("an exported graph in float32", () => {
  it.each(["", "bert.", "0.auto_model."])(
    "is compiled to what its checkpoint computes, names beginning with %j",
    async (prefix) => {
      await writeFile(join(modelDir, "model.onnx"), exported(prefix));
      const outFile = join(modelDir, "graph.onnx");
      await compileModel({ modelDir, outFile, variant: "fp32", pooling: "cls" });
      const texts = [[3], [3, 14, 15, 9]];
      for (const [row, vector] of (await runGraph(outFile, texts)).entries()) {
        const encoder = { sizes: tinySizes, tensors, pooling: "cls" } as const;
        expect(dot(vector, referenceVector(encoder, texts[row] ?? []))).toBeGreaterThan(0.999_999);
      }
    },
  );

  it("that lacks a weight, or has one of another size, is refused by its name", async () => {
    const path = join(modelDir, "model.onnx");
    await writeFile(path, exported(""));
    const weights = await readExportedOnnx(path);
    expect(() => weights.read("pooler.dense.weight", [16, 16])).toThrow(/no tensor pooler\.dense/);
    expect(() => weights.read("embeddings.LayerNorm.bias", [17])).toThrow(/has 16 values/);
    await writeFile(path, "no graph at all");
    await expect(readExportedOnnx(path)).rejects.toThrow(/is not an ONNX file/);
  });
});

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileModel } from "../../ops/model/compile.ts";
import { packSparse } from "../../src/contract/sparse.ts";
import { createSparseEncoder, type SparseEncoder } from "../../src/embedding/onnx-sparse.ts";
import { packSparseRows, unpackSparseRows } from "../../src/embedding/sparse-rows.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { referenceTerms } from "../model/reference-encoder.ts";
import { safetensorsOf, termConfig, termTensors, tinySizes } from "../model/tiny-encoder.ts";

describe("rows of sparse vectors", () => {
  it("come out as they went in, whatever each has", () => {
    const weights = Float32Array.of(0, 1, 0, 0, 0, 0, 0.5, 0, 2);
    const rows = [0, 3, 6].map((at) => packSparse(weights.subarray(at, at + 3), 2));
    const packed = packSparseRows(weights, { rows: 3, termsMax: 2 });
    expect(unpackSparseRows(packed, 3)).toEqual(rows);
    expect(rows.map(({ length }) => length / 3)).toEqual([1, 0, 2]);
  });
});

describe("the sparse encoder", () => {
  const tensors = termTensors(tinySizes);
  let folder: string;
  let encoder: SparseEncoder;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "freshet-sparse-"));
    await writeFile(join(folder, "config.json"), JSON.stringify(termConfig));
    await writeFile(join(folder, "model.safetensors"), safetensorsOf(tensors));
    const graphFile = join(folder, "graph.onnx");
    await compileModel({ modelDir: folder, outFile: graphFile, variant: "fp32" });
    const name = "tiny";
    encoder = await createSparseEncoder({
      graphFile,
      model: { name, dimensions: tinySizes.vocabulary, maxTokens: 24, fingerprint: name },
      // A letter is a token: its place in the alphabet.
      tokenizer: { encode: (text) => Int32Array.from(text, (each) => each.charCodeAt(0) - 96) },
      clock: systemClock,
      ingestThreads: 1,
    });
  });
  afterAll(async () => {
    await encoder.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("weighs words as the definition says, by the model's own tokens (OXS1)", async () => {
    const texts = ["abc", "zebra", "q"];
    const batch = texts.map((text) => ({ text, tokens: Int32Array.of(9, 9) }));
    const vectors = await encoder.embed(batch, { lane: "ingest" });
    for (const [row, text] of texts.entries()) {
      const ids = Array.from(text, (each) => each.charCodeAt(0) - 96);
      const expected = referenceTerms({ sizes: tinySizes, tensors, pooling: "mean" }, ids);
      const packed = packSparse(Float32Array.from(expected), tinySizes.vocabulary);
      // A weight on the edge of a step may be rounded either way.
      expect(vectors[row]?.length).toBe(packed.length);
      const off = Array.from(packed, (byte, at) => Math.abs(byte - (vectors[row]?.[at] ?? 999)));
      expect(Math.max(...off)).toBeLessThanOrEqual(1);
    }
    expect(await encoder.embed(batch.slice(1, 2), { lane: "query" })).toEqual([vectors[1]]);
  });

  it("rejects a call whose caller has gone", async () => {
    const embedding = encoder.embed([], { lane: "query", signal: AbortSignal.abort() });
    await expect(embedding).rejects.toMatchObject({ code: "cancelled" });
  });

  it("does not start with a graph of another kind, and leaves nothing running", async () => {
    const starting = createSparseEncoder({
      graphFile: join(folder, "absent.onnx"),
      model: { name: "x", dimensions: 3, maxTokens: 24, fingerprint: "x" },
      tokenizer: { encode: () => new Int32Array(1) },
      clock: systemClock,
      ingestThreads: 1,
    });
    await expect(starting).rejects.toMatchObject({ code: "embedding_unavailable" });
  });
});

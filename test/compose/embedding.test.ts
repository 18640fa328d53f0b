import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { claimModel, graphFile, readModelShape } from "../../src/compose/embedding.ts";
import { readConfig } from "../../src/config/config.ts";
import { createMemoryEmbedder } from "../../src/embedding/memory.ts";
import type { Embedder } from "../../src/embedding/port.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import { createMemoryTokenizer } from "../../src/text/memory.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "freshet-model-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const config = (env: Readonly<Record<string, string>> = {}) =>
  readConfig({ FRESHET_MODEL_DIR: folder, ...env });

describe("the model that is configured", () => {
  it("is called as its folder, or as the endpoint calls it, and is as wide as its file says", () => {
    const file = { hidden_size: 48, max_position_embeddings: 512 };
    writeFileSync(join(folder, "config.json"), JSON.stringify(file));
    expect(readModelShape(config())).toMatchObject({
      name: folder.split("/").at(-1),
      dimensions: 48,
    });
    const remote = { FRESHET_EMBED_URL: "http://127.0.0.1:1/v1", FRESHET_EMBED_MODEL: "far" };
    expect(readModelShape(config({ ...remote, FRESHET_EMBED_DIMENSIONS: "96" }))).toMatchObject({
      name: "far",
      dimensions: 96,
    });
  });

  it("without its folder is an error before anything is connected", () => {
    expect(() => readModelShape(config({ FRESHET_MODEL_DIR: join(folder, "none") }))).toThrow(
      /no config.json .*none/,
    );
  });
});

describe("the graph that is run", () => {
  function graph(name: string, ageS: number): string {
    const path = join(folder, name);
    writeFileSync(path, "");
    utimesSync(path, 1_700_000_000 - ageS, 1_700_000_000 - ageS);
    return path;
  }

  it("is the newest of the precision that is asked for", () => {
    const newest = graph("graph-int8-b.onnx", 10);
    graph("graph-int8-a.onnx", 20);
    graph("graph-fp32-c.onnx", 0);
    graph("graph-int8-b.onnx.sha256", 0);
    expect(graphFile(config({ FRESHET_EMBED_PRECISION: "int8" }))).toBe(newest);
  });

  it("is fp16 on a GPU unless another one is asked for", () => {
    const [half, full] = [graph("graph-fp16-a.onnx", 9), graph("graph-fp32-a.onnx", 0)];
    const gpu = { FRESHET_EMBED_PROVIDER: "cuda" };
    expect(graphFile(config(gpu))).toBe(half);
    expect(graphFile(config({ ...gpu, FRESHET_EMBED_PRECISION: "fp32" }))).toBe(full);
  });

  it("has plain attention for WebGPU, and is the CPU's own where that stands in", () => {
    const [plain] = [graph("graph-plain-fp16-a.onnx", 9), graph("graph-fp16-a.onnx", 0)];
    const gpu = { FRESHET_EMBED_PROVIDER: "webgpu" };
    expect(graphFile(config(gpu))).toBe(plain);
    expect(() => graphFile(config({ ...gpu, FRESHET_EMBED_PRECISION: "int8" }))).toThrow(
      "webgpu runs no int8 graph: set FRESHET_EMBED_PRECISION to fp16 or fp32",
    );
    const own = [graph("graph-fp32-a.onnx", 0), graph("graph-int8-a.onnx", 0)];
    const standIn = config({ ...gpu, FRESHET_EMBED_PRECISION: "fp16" });
    expect(own).toContain(graphFile(standIn, "cpu"));
  });

  it("is the one that is named, whatever lies in the folder", () => {
    graph("graph-fp32-a.onnx", 0);
    expect(graphFile(config({ FRESHET_MODEL_GRAPH: "/else/where.onnx" }))).toBe("/else/where.onnx");
  });

  it("is missing with a line that says which, where, and what to do", () => {
    graph("graph-fp32-a.onnx", 0);
    expect(() => graphFile(config({ FRESHET_EMBED_PRECISION: "int8" }))).toThrow(
      `no int8 graph in ${folder}: run ops/start once, or set FRESHET_MODEL_GRAPH or FRESHET_EMBED_PRECISION`,
    );
  });
});

describe("an engine that joins a log", () => {
  const tokenizer = createMemoryTokenizer();
  const first = createMemoryEmbedder();
  const refused = { code: "model_mismatch", retryable: false };

  /**
   * The same vectors with noise, as another precision makes them; with enough noise it is another
   * model.
   */
  function noisy(amount: number, asked: string[] = []): Embedder {
    return {
      ...first,
      embed: async (batch, options) => {
        asked.push(...batch.map(({ text }) => text));
        const vectors = await first.embed(batch, options);
        return vectors.map((vector) => vector.map((v, i) => v + amount * Math.sin(i * 37)));
      },
    };
  }

  it("may bring the first model, or one that computes the same", async () => {
    const log = createMemoryLog();
    await claimModel(log, { embedder: first, tokenizer });
    await claimModel(log, { embedder: first, tokenizer });
    await claimModel(log, { embedder: noisy(0.005), tokenizer });
  });

  it("may not bring another one, neither of the same width nor of another", async () => {
    const log = createMemoryLog();
    await claimModel(log, { embedder: first, tokenizer });
    const narrow = createMemoryEmbedder({ ...first.model, dimensions: 128 });
    for (const embedder of [noisy(1), narrow]) {
      await expect(claimModel(log, { embedder, tokenizer })).rejects.toMatchObject(refused);
    }
    await claimModel(log, { embedder: first, tokenizer });
  });

  it("is compared on the sentence that the log holds, which need not be its own", async () => {
    const log = createMemoryLog();
    const text = "a sentence of an older version";
    const input = { text, tokens: tokenizer.encode(text, 256) };
    const [vector = new Float32Array()] = await first.embed([input], { lane: "query" });
    await log.claimModel({ text, vector, name: "old" });
    const asked: string[] = [];
    await claimModel(log, { embedder: noisy(0, asked), tokenizer });
    expect(asked.at(-1)).toBe(text);
    await expect(claimModel(log, { embedder: noisy(1), tokenizer })).rejects.toMatchObject(refused);
  });

  it("of two that begin a log at once with different models, one is refused", async () => {
    const log = createMemoryLog();
    const outcomes = await Promise.allSettled(
      [first, noisy(1)].map((embedder) => claimModel(log, { embedder, tokenizer })),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });
});

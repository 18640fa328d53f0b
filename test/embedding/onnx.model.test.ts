import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileModel } from "../../ops/model/compile.ts";
import type { ModelProbe } from "../../src/contract/model-probe.ts";
import { createMemoryEmbedder } from "../../src/embedding/memory.ts";
import { checkSameModel, probeText } from "../../src/embedding/model-probe.ts";
import { createOnnxEmbedder, type OnnxEmbedder } from "../../src/embedding/onnx.ts";
import type { Embedder, EmbedInput } from "../../src/embedding/port.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import { describeEmbedder, sampleInputs } from "./conformance.ts";
import { deadlyId } from "./fixtures/deadly-id.ts";
import { modelDirectory, modelGraph } from "./model-files.ts";
import { dot, readReference } from "./reference/reference.ts";

const model = { name: "all-MiniLM-L6-v2", dimensions: 384, maxTokens: 256 };
let scratch: string;
let graphFile: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "freshet-embedding-"));
  graphFile = await modelGraph(scratch);
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

function create(workerUrl?: URL | undefined): Promise<OnnxEmbedder> {
  const threads = { ingestThreads: 1, queryThreads: 1 };
  return createOnnxEmbedder({ graphFile, model, clock: systemClock, ...threads, workerUrl });
}

describeEmbedder("the onnx embedder", () => create());

describe("the compiled graph", () => {
  it("matches the reference vectors, which were made without it", async () => {
    const embedder = await create();
    const vectors = await embedder.embed(sampleInputs, { lane: "ingest" });
    await embedder.close();
    const cosines = readReference().map(({ vector }, i) => dot(vectors[i] ?? [], vector));
    // 0.99 is the promise; fp32 differs from the float64 reference only by rounding.
    for (const cosine of cosines) expect(cosine).toBeGreaterThan(0.9999);
  });

  it("matches them from the text too, with the tokenizer that Freshet uses", async () => {
    const path = join(modelDirectory(), "tokenizer.json");
    const tokenizer = new Tokenizer(JSON.parse(await readFile(path, "utf8")) as object, {});
    for (const { text, ids } of readReference()) {
      // The file asks for padding to 128 tokens; a tokenizer that obeyed would differ here.
      expect(tokenizer.encode(text).ids.slice(0, ids.length - 1)).toEqual(ids.slice(0, -1));
      if (ids.length < model.maxTokens) expect(tokenizer.encode(text).ids).toEqual(ids);
    }
  });
});

describe("the model's identity", () => {
  async function probeOf(embedder: Embedder): Promise<ModelProbe> {
    const tokenizer = await loadTokenizer(modelDirectory());
    const input = { text: probeText, tokens: tokenizer.encode(probeText, model.maxTokens) };
    const [vector = new Float32Array()] = await embedder.embed([input], { lane: "query" });
    await embedder.close();
    return { text: probeText, vector, name: embedder.model.fingerprint };
  }

  it("is the same in fp32 and int8, and is not that of another model of the same width", async () => {
    const full = await probeOf(await create());
    const int8File = join(scratch, "int8.onnx");
    await compileModel({ modelDir: modelDirectory(), outFile: int8File, variant: "int8" });
    const threads = { ingestThreads: 1, queryThreads: 1 };
    const int8 = await probeOf(
      await createOnnxEmbedder({ graphFile: int8File, model, clock: systemClock, ...threads }),
    );
    expect(int8.name).not.toBe(full.name);
    checkSameModel(full, int8);
    expect(dot(full.vector, int8.vector)).toBeGreaterThan(0.98);
    const other = await probeOf(createMemoryEmbedder());
    expect(() => checkSameModel(full, other)).toThrow("embedded with another model");
  });
});

describe("an embedder with two lanes", () => {
  it("answers queries while ingest batches are queued, each with its own vectors", async () => {
    const embedder = await create();
    const order: string[] = [];
    // Three batches, of which two wait.
    const long = Array.from({ length: 24 }, () => sampleInputs.at(-2) as EmbedInput);
    const ingest = embedder.embed(long, { lane: "ingest" }).then((vectors) => {
      order.push("ingest");
      return vectors;
    });
    const short = sampleInputs.slice(0, 1);
    const query = embedder.embed(short, { lane: "query" }).then((vectors) => {
      order.push("query");
      return vectors;
    });
    const [ingested, queried] = await Promise.all([ingest, query]);
    await embedder.close();
    expect(order).toEqual(["query", "ingest"]);
    const [first, last] = [readReference()[0], readReference().at(-2)];
    expect(dot(queried[0] ?? [], first?.vector ?? [])).toBeGreaterThan(0.9999);
    for (const vector of ingested) expect(dot(vector, last?.vector ?? [])).toBeGreaterThan(0.9999);
  });

  it("reports a batch that the model refuses, and goes on with the next", async () => {
    const embedder = await create();
    const outside = [{ text: "", tokens: Int32Array.of(101, 30_522, 102) }];
    const refused = embedder.embed(outside, { lane: "ingest" });
    await expect(refused).rejects.toMatchObject({ code: "embedding_failed", retryable: true });
    expect(await embedder.embed(sampleInputs, { lane: "ingest" })).toHaveLength(12);
    await embedder.close();
  });

  it("lets running work finish on close and rejects what waits behind it", async () => {
    const embedder = await create();
    const calls = Array.from({ length: 4 }, () =>
      embedder.embed(sampleInputs.slice(0, 3), { lane: "ingest" }),
    );
    const closing = embedder.close();
    const results = await Promise.allSettled(calls);
    await closing;
    expect(results.map(({ status }) => status)).toEqual([
      "fulfilled",
      "fulfilled",
      "rejected",
      "rejected",
    ]);
    for (const result of results) {
      if (result.status === "rejected") expect(result.reason.code).toBe("embedding_unavailable");
    }
  });
});

describe("an embedder whose worker dies", () => {
  const dyingWorker = new URL("./fixtures/dying-worker.ts", import.meta.url);
  const deadly: EmbedInput = { text: "", tokens: Int32Array.of(deadlyId, 102) };

  it("loses what it had in hand, rejects what waited, keeps the other lane, and comes back", async () => {
    const embedder = await create(dyingWorker);
    const before = await embedder.embed(sampleInputs, { lane: "ingest" });
    const pending = [
      embedder.embed([deadly], { lane: "ingest" }),
      embedder.embed(sampleInputs, { lane: "ingest" }),
      embedder.embed(sampleInputs, { lane: "ingest" }),
    ];
    const results = await Promise.allSettled(pending);
    const codes = results.map((result) => result.status === "rejected" && result.reason.code);
    // Two are at the thread at once: one that it works on and one that is next.
    expect(codes).toEqual(["embedding_failed", "embedding_failed", "embedding_unavailable"]);
    expect(await embedder.embed(sampleInputs.slice(0, 1), { lane: "query" })).toHaveLength(1);
    const after = await embedWhenBack(embedder);
    for (const [i, vector] of after.entries()) {
      expect(dot(vector, before[i] ?? [])).toBeGreaterThan(0.99999);
    }
    await embedder.close();
  });

  it("closes while the worker is down", async () => {
    const embedder = await create(dyingWorker);
    await expect(embedder.embed([deadly], { lane: "query" })).rejects.toMatchObject({
      code: "embedding_failed",
      reason: { kind: "lost" },
    });
    await embedder.close();
    const late = embedder.embed(sampleInputs, { lane: "query" });
    await expect(late).rejects.toMatchObject({ code: "embedding_unavailable" });
  });
});

describe("a graph that cannot be used", () => {
  it("is refused at the start with a typed error", async () => {
    const broken = join(scratch, "broken.onnx");
    await writeFile(broken, "not a graph");
    for (const file of [broken, join(scratch, "missing.onnx")]) {
      const starting = createOnnxEmbedder({
        graphFile: file,
        model,
        clock: systemClock,
        ingestThreads: 1,
        queryThreads: 1,
      });
      await expect(starting).rejects.toMatchObject({ code: "embedding_unavailable" });
    }
  });

  it("is refused when its vectors have other dimensions than the model", async () => {
    const starting = createOnnxEmbedder({
      graphFile,
      model: { ...model, dimensions: 768 },
      clock: systemClock,
      ingestThreads: 1,
      queryThreads: 1,
    });
    await expect(starting).rejects.toMatchObject({ code: "embedding_unavailable" });
  });
});

describe("an execution provider", () => {
  it.each(["cuda", "tensorrt", "webgpu"] as const)(
    "%s runs the graph where its GPU is, and says what is missing where it is not",
    async (provider) => {
      const threads = { ingestThreads: 1, queryThreads: 1 };
      const starting = createOnnxEmbedder({
        graphFile,
        model,
        provider,
        clock: systemClock,
        ...threads,
      });
      const failure: unknown = await starting.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (failure === undefined) return expectReference(await starting);
      expect(failure).toMatchObject({ code: "embedding_unavailable" });
      const { message } = failure as Error;
      expect(message).toMatch(
        new RegExp(`FRESHET_EMBED_PROVIDER is ${provider}.* or set FRESHET_EMBED_PROVIDER=cpu$`),
      );
      expect(message).not.toContain("\n");
    },
  );
});

async function expectReference(embedder: OnnxEmbedder): Promise<void> {
  const vectors = await embedder.embed(sampleInputs, { lane: "ingest" });
  await embedder.close();
  for (const [i, { vector }] of readReference().entries()) {
    expect(dot(vectors[i] ?? [], vector)).toBeGreaterThan(0.99);
  }
}

/** Tries again while the lane restarts; the test's own time limit bounds it. */
async function embedWhenBack(embedder: OnnxEmbedder): Promise<Float32Array[]> {
  for (;;) {
    try {
      return await embedder.embed(sampleInputs, { lane: "ingest" });
    } catch (error) {
      if ((error as { code?: string }).code !== "embedding_unavailable") throw error;
      await systemClock.sleep(50);
    }
  }
}

/** The lane of names with its real model, in the threads of an engine. */

import { readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redactedQuestion } from "../../../actors/question/parts.ts";
import { tenantId } from "../../../src/contract/ids.ts";
import { limits } from "../../../src/contract/limits.ts";
import { silentLogger, silentMetrics } from "../../../src/contract/observation.ts";
import { openTokenClassifier } from "../../../src/embedding/onnx-classifier.ts";
import { preparersOf } from "../../../src/ingest/preparation/names.ts";
import { QuestionNames } from "../../../src/ingest/preparation/names-thread.ts";
import { createPreparationPool } from "../../../src/ingest/preparation/pool.ts";
import type { Preparation } from "../../../src/ingest/preparation/port.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { questionRedactor } from "../../../src/text/redact-fields.ts";
import { loadTokenizer } from "../../../src/text/tokenizer.ts";
import { modelDirectory } from "../../embedding/model-files.ts";
import { testKey, testRedactor } from "../../support/redactor.ts";

const acme = tenantId("acme");
const never = new AbortController().signal;
const cache = process.env["FRESHET_CACHE_DIR"] ?? join(homedir(), ".cache", "freshet");
const modelDir = process.env["FRESHET_NAMES_MODEL_DIR"] ?? join(cache, "models", "rampart");
const graph = readdirSync(modelDir).find((name) => /^graph-fp32-.*\.onnx$/.test(name)) ?? "";
const files = { modelDir, graphFile: join(modelDir, graph) };

const folder = new URL("../../../src/ingest/preparation/", import.meta.url);
const readyMs = 60_000;
let pool: Preparation;
let questions: QuestionNames;

beforeAll(async () => {
  const tokenizer = await loadTokenizer(modelDirectory());
  const preparerOf = preparersOf({ tokenizer }, undefined);
  pool = createPreparationPool({
    settings: { modelDir: modelDirectory(), ids: "keep", names: files },
    workerUrl: new URL("prepare-worker.ts", folder),
    preparerOf: () => preparerOf(testKey),
    redactionKeyOf: () => testKey,
    clock: systemClock,
    metrics: silentMetrics,
    logger: silentLogger,
    limits: {
      threadsMax: 1,
      inlineBytesMax: 0,
      waitingPerTenantMax: 8,
      deadlineMs: 60_000,
      readyMs,
    },
  });
  questions = new QuestionNames({
    files,
    workerUrl: new URL("names-worker.ts", folder),
    redactionKeyOf: () => testKey,
    clock: systemClock,
    limits: { deadlineMs: 60_000, readyMs, waitingMax: 2 },
  });
});
afterAll(async () => {
  await pool.close();
  await questions.close();
});

describe("the compiled model of names", () => {
  it("computes what the published one does", async () => {
    const published = await InferenceSession.create(join(modelDir, "model_q4.onnx"));
    const compiled = await openTokenClassifier(files);
    const tokenizer = await loadTokenizer(modelDir);
    for (const text of [
      "Maria Lopez lives at Calle Mayor 5, 28013 Madrid.",
      "No name here.",
      "王伟",
    ]) {
      const tokens = tokenizer.encode(text, limits.namesWindowTokens);
      const dims = [1, tokens.length];
      const wide = (values: Iterable<number>) =>
        new Tensor("int64", BigInt64Array.from(values, BigInt), dims);
      const outputs = await published.run({
        input_ids: wide(tokens),
        attention_mask: wide(tokens.map(() => 1)),
        token_type_ids: wide(tokens.map(() => 0)),
      });
      const theirs = outputs["logits"]?.data as Float32Array;
      const ours = await compiled.classify(tokens);
      expect(ours).toHaveLength(theirs.length);
      for (const [at, value] of ours.entries())
        expect(value).toBeCloseTo(theirs[at] ?? Number.NaN, 2);
    }
    await published.release();
  });
});

async function prepared(document: object) {
  const payload = new TextEncoder().encode(JSON.stringify({ id: "d", ...document }));
  const job = { tenant: acme, payload, documentTextBytesMax: limits.documentTextBytesMax };
  const done = await pool.prepare({ ...job, named: () => {} }, never);
  if (done.kind !== "prepared") throw new Error("this document is fine");
  return done.document;
}

const asked = (query: string, filter?: Parameters<typeof redactedQuestion>[0]["filter"]) =>
  redactedQuestion(
    { query, filter },
    {
      redactor: questionRedactor(testRedactor),
      sliceChars: 1_000,
      turn: () => Promise.resolve(),
      names: (texts) => questions.redact(acme, texts, never),
    },
  );

describe("a document with names", () => {
  it("is stored without them in text, title, source and metadata", async () => {
    const document = await prepared({
      title: "Call with Maria Gonzalez",
      text: "Maria Gonzalez lives at 12 Baker Street, London NW1 6XE. Write to maria@example.com.",
      metadata: { author: "Jane Doe", note: "version 1.2.3", reviewers: ["John Smith", "none"] },
    });
    const stored = JSON.stringify(document);
    for (const name of ["Gonzalez", "Baker", "Jane", "Doe", "Smith", "maria@"])
      expect(stored).not.toContain(name);
    expect(document.info.metadata).toMatchObject({ note: "version 1.2.3" });
    expect(document.redactor).toMatch(/\+names1$/);
    expect(stored).toMatch(/\[ADDRESS:[a-f][0-9a-f]{9}\]/);
    expect(stored).toMatch(/\[EMAIL:[a-f][0-9a-f]{9}\]/);
  });

  it("is named by a question and a filter as it was stored", async () => {
    const { info, chunks } = await prepared({
      text: "The contract was signed by Jane Doe on Monday.",
      metadata: { author: "Jane Doe" },
    });
    const { text, filter } = await asked("What did Jane Doe sign?", {
      "metadata.author": "Jane Doe",
    });
    const [mark = ""] = /\[NAME:[a-f0-9]{10}\]/.exec(text) ?? [];
    expect(mark).not.toBe("");
    expect(chunks[0]?.text).toContain(mark);
    expect(info.metadata?.["author"]).toBe(mark);
    const [leaf] = filter?.kind === "and" ? filter.filters : [];
    expect(leaf?.kind === "leaf" && leaf.test.kind === "any" && [...leaf.test.values]).toEqual([
      mark,
    ]);
  });
});

describe("a question whose names cannot be looked for", () => {
  it("is refused when the thread has no time, cannot start, or too many wait", async () => {
    const bounds = { deadlineMs: 60_000, readyMs, waitingMax: 1 };
    const open = (options: object) =>
      new QuestionNames({
        files,
        workerUrl: new URL("names-worker.ts", folder),
        redactionKeyOf: () => testKey,
        clock: systemClock,
        limits: bounds,
        ...options,
      });
    const texts = [{ text: "Who is Jane Doe? ".repeat(200), charsBefore: 3_400 }];
    const late = open({ limits: { ...bounds, deadlineMs: 1 } });
    await expect(late.redact(acme, texts, never)).rejects.toMatchObject({
      code: "embedding_unavailable",
    });
    const missing = open({ files: { ...files, graphFile: "/nowhere.onnx" } });
    await expect(missing.redact(acme, texts, never)).rejects.toMatchObject({
      code: "embedding_unavailable",
    });
    const full = open({});
    const three = [1, 2, 3].map(() => full.redact(acme, texts, never));
    const ends = await Promise.allSettled(three);
    expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
    expect(ends[2]).toMatchObject({ reason: { code: "overloaded", retryable: true } });
    await Promise.all([late.close(), missing.close(), full.close()]);
    await expect(full.redact(acme, texts, never)).rejects.toMatchObject({ code: "cancelled" });
  });
});

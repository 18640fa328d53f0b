/** The real model: what stands at the end of a long question counts as what stands first. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dotProduct, meanDirection } from "../../src/contract/vector.ts";
import { createOnnxEmbedder, type OnnxEmbedder } from "../../src/embedding/onnx.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { piecesOf } from "../../src/text/pieces.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import { modelDirectory, modelGraph } from "../embedding/model-files.ts";

const model = { name: "all-MiniLM-L6-v2", dimensions: 384, maxTokens: 256 };
let scratch: string;
let embedder: OnnxEmbedder;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "freshet-pieces-"));
  const threads = { ingestThreads: 1, queryThreads: 1 };
  const graphFile = await modelGraph(scratch);
  embedder = await createOnnxEmbedder({ graphFile, model, clock: systemClock, ...threads });
});
afterAll(async () => {
  await embedder.close();
  await rm(scratch, { recursive: true, force: true });
});

const documents = [
  "The ski rental in Hemsedal opens at nine and lends helmets to children.",
  "Invoices are paid within thirty days; a reminder is sent after forty.",
  "The bakery on Mill Lane sells rye bread on Tuesdays only.",
  "Server rack nine lost power because the breaker tripped at noon.",
  "Library books can be renewed twice, unless another reader waits.",
];
const small = `Our staff meeting went through the seating plan of the annual dinner table by table.
  Chairs were counted, table cloths were chosen, and nobody objected to the flowers. `;
const wanted = "How much is the fine at the library when a book is late, and can I renew the loan?";

test("words at the end of a long question find their document by the vector alone", async () => {
  const tokenizer = await loadTokenizer(modelDirectory());
  const inputOf = (text: string) => ({ text, tokens: tokenizer.encode(text, model.maxTokens) });
  const embed = (texts: readonly string[]) => embedder.embed(texts.map(inputOf), { lane: "query" });
  const held = await embed(documents);
  const question = `${small.repeat(8)}${wanted}`;
  const pieces = piecesOf(question, tokenizer, model.maxTokens);
  expect(pieces.length).toBeGreaterThan(1);
  const [first, ...others] = await embed(pieces);
  const pooled = meanDirection([first as Float32Array, ...others]);
  const rankOf = (vector: Float32Array): number =>
    held
      .map((each, index) => ({ index, cosine: dotProduct(each, vector) }))
      .toSorted((left, right) => right.cosine - left.cosine)
      .findIndex(({ index }) => index === 4);
  expect(rankOf(pooled)).toBe(0);
  // What the model sees of the question as a whole ends before the words that matter.
  const [cut] = await embed([question]);
  expect(dotProduct(held[4] ?? [], pooled)).toBeGreaterThan(
    dotProduct(held[4] ?? [], cut as Float32Array) + 0.05,
  );
});

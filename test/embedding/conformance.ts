/**
 * What every embedder must do, run by each adapter. Inputs are real texts with their real token
 * ids.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Embedder, EmbedInput } from "../../src/embedding/port.ts";
import { dot, readReference } from "./reference/reference.ts";

export const sampleInputs: readonly EmbedInput[] = readReference().map(({ text, ids }) => ({
  text,
  tokens: Int32Array.from(ids),
}));

export function describeEmbedder(name: string, create: () => Promise<Embedder>): void {
  describe(`${name} as an embedder`, () => {
    let embedder: Embedder;
    beforeAll(async () => {
      embedder = await create();
    });
    afterAll(() => embedder.close());

    it("returns one unit vector of the model's dimensions per input", async () => {
      const vectors = await embedder.embed(sampleInputs, { lane: "ingest" });
      expect(vectors).toHaveLength(sampleInputs.length);
      for (const vector of vectors) {
        expect(vector).toHaveLength(embedder.model.dimensions);
        expect(dot(vector, vector)).toBeCloseTo(1, 4);
      }
    });

    it("keeps the order of the inputs, whatever their lengths", async () => {
      const forward = await embedder.embed(sampleInputs, { lane: "ingest" });
      const backward = await embedder.embed([...sampleInputs].reverse(), { lane: "ingest" });
      expectSameVectors(backward.reverse(), forward);
    });

    it("gives a text the same vector alone, in a batch, and in either lane", async () => {
      const together = await embedder.embed(sampleInputs, { lane: "ingest" });
      const alone: Float32Array[] = [];
      for (const input of sampleInputs) {
        alone.push(...(await embedder.embed([input], { lane: "query" })));
      }
      expectSameVectors(alone, together);
    });

    it("embeds more texts than one batch holds", async () => {
      const many = Array.from({ length: 70 }, (_, i) => sampleInputs[i % 6] as EmbedInput);
      const few = await embedder.embed(sampleInputs.slice(0, 6), { lane: "ingest" });
      const vectors = await embedder.embed(many, { lane: "ingest" });
      expectSameVectors(
        vectors,
        many.map((_, i) => few[i % 6] as Float32Array),
      );
    });

    it("puts a question nearer to its answer than to other texts", async () => {
      const [question, answer, ...others] = await embedder.embed(sampleInputs.slice(0, 4), {
        lane: "query",
      });
      const near = dot(question ?? [], answer ?? []);
      for (const other of others) expect(near).toBeGreaterThan(dot(question ?? [], other) + 0.1);
    });

    it("answers an empty batch with no vectors", async () => {
      expect(await embedder.embed([], { lane: "ingest" })).toEqual([]);
    });

    it("refuses a text without tokens and one with too many", async () => {
      const sizes = [0, embedder.model.maxTokens + 1];
      for (const size of sizes) {
        const batch = [{ text: "refused", tokens: new Int32Array(size).fill(101) }];
        await expect(embedder.embed(batch, { lane: "ingest" })).rejects.toMatchObject({
          code: "embedding_failed",
          retryable: true,
        });
      }
    });

    it("rejects with cancelled when the caller has gone, before and during the work", async () => {
      const gone = AbortSignal.abort();
      const early = embedder.embed(sampleInputs, { lane: "ingest", signal: gone });
      await expect(early).rejects.toMatchObject({ code: "cancelled" });
      const leaving = new AbortController();
      const late = embedder.embed(sampleInputs, { lane: "ingest", signal: leaving.signal });
      leaving.abort();
      await expect(late).rejects.toMatchObject({ code: "cancelled" });
      expect(await embedder.embed(sampleInputs.slice(0, 1), { lane: "ingest" })).toHaveLength(1);
    });

    it("names its model, and the fingerprint is the same for each instance", async () => {
      const other = await create();
      expect(other.model).toEqual(embedder.model);
      expect(embedder.model.name).not.toBe("");
      expect(embedder.model.fingerprint).not.toBe("");
      await other.close();
    });

    it("closes twice without harm and refuses work afterwards", async () => {
      const other = await create();
      await other.close();
      await other.close();
      const late = other.embed(sampleInputs, { lane: "query" });
      await expect(late).rejects.toMatchObject({ code: "embedding_unavailable", retryable: true });
    });
  });
}

/** Equal but for the rounding that other batch shapes bring. */
function expectSameVectors(
  actual: readonly Float32Array[],
  expected: readonly Float32Array[],
): void {
  expect(actual).toHaveLength(expected.length);
  for (const [index, vector] of actual.entries()) {
    expect(dot(vector, expected[index] ?? [])).toBeGreaterThan(0.99999);
  }
}

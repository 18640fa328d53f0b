import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Candidate } from "../../src/contract/candidate.ts";
import { type Fused, fuse } from "../../src/retrieval/fusion.ts";
import { askedFor, candidate } from "../answer/candidates.ts";

const ids = (fused: readonly Fused[]) => fused.map(({ candidate: found }) => found.documentId);
const all = (hot: readonly Candidate[], cold: readonly Candidate[] = [], question = "watermark") =>
  fuse({
    question,
    hot: hot.map((found) => askedFor(question, found)),
    cold: cold.map((found) => askedFor(question, found)),
    limit: 50,
    perList: 64,
  });

/** Identity and score, without the shard. */
const ranking = (fused: readonly Fused[]) =>
  fused.map(({ candidate: { documentId, version, chunk }, score }) => [
    documentId,
    version,
    chunk,
    score,
  ]);

/** Text is a function of the chunk's identity, as in the real shards. */
const pool = fc.uniqueArray(
  fc
    .record({
      id: fc.constantFrom("a", "b", "c", "d"),
      version: fc.integer({ min: 1, max: 3 }),
      chunk: fc.nat(4),
      shard: fc.constantFrom("hot", "cold"),
      cosine: fc.double({ min: -1, max: 1, noNaN: true }),
      words: fc.array(fc.constantFrom("watermark", "merge", "cat", "the"), { maxLength: 6 }),
    })
    .map(({ words, ...rest }) => candidate({ ...rest, text: words.join(" ") })),
  { selector: ({ documentId, version, chunk }) => `${documentId}/${version}/${chunk}` },
);

describe("fusion", () => {
  test("F1: of two versions of a document only the newest remains, with all its chunks", () => {
    const old = candidate({ id: "a", version: 1, chunk: 0, shard: "cold", cosine: 0.9 });
    const first = candidate({ id: "a", version: 2, chunk: 0, cosine: 0.2 });
    const second = candidate({ id: "a", version: 2, chunk: 1, cosine: 0.1 });
    expect(all([first, second], [old]).map(({ candidate: found }) => found.version)).toEqual([
      2, 2,
    ]);
  });

  test("F1: a chunk that both shards have appears once, as hot", () => {
    const hot = candidate({ id: "a" });
    const fused = all([hot], [{ ...hot, shard: "cold" }]);
    expect(fused.map(({ candidate: found }) => found.shard)).toEqual(["hot"]);
  });

  test("F1, F3: no chunk twice, scores in 0…1 and falling, the limit kept", () => {
    fc.assert(
      fc.property(pool, fc.nat(10), (candidates, limit) => {
        const question = "watermark merge";
        const asked = candidates.map((found) => askedFor(question, found));
        const fused = fuse({
          question,
          hot: asked,
          cold: asked,
          limit,
          perList: 64,
        });
        const keys = fused.map(({ candidate: { documentId, chunk } }) => `${documentId}/${chunk}`);
        expect(new Set(keys).size).toBe(keys.length);
        expect(fused.length).toBeLessThanOrEqual(limit);
        const scores = fused.map(({ score }) => score);
        expect(scores).toEqual([...scores].sort((a, b) => b - a));
        expect(scores.every((score) => score >= 0 && score <= 1)).toBe(true);
      }),
    );
  });

  test("F2: neither the order of the candidates nor their shard changes the ranking", () => {
    const shuffled = pool.chain((candidates) =>
      fc.tuple(
        fc.constant(candidates),
        fc.shuffledSubarray(candidates, { minLength: candidates.length }),
        fc.nat(candidates.length),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([candidates, other, cut]) => {
        const expected = ranking(all(candidates));
        expect(ranking(all(other.slice(0, cut), other.slice(cut)))).toEqual(expected);
        expect(ranking(all([], other))).toEqual(expected);
      }),
    );
  });

  test("a match in both lists beats a match in one", () => {
    const both = candidate({ id: "both", cosine: 0.8, text: "the watermark" });
    const dense = candidate({ id: "dense", cosine: 0.81, text: "something else" });
    const lexical = candidate({ id: "lexical", cosine: 0.1, text: "the watermark" });
    expect(ids(all([dense, lexical], [both]))[0]).toBe("both");
  });

  test("words of the heading count as words of the chunk", () => {
    const plain = candidate({ id: "a", text: "it moves" });
    const headed = candidate({ id: "b", text: "it moves", heading: "Watermark" });
    expect(ids(all([plain, headed]))).toEqual(["b", "a"]);
  });

  test("without any lexical match the cosine decides alone", () => {
    const near = candidate({ id: "near", cosine: 0.9 });
    const far = candidate({ id: "far", cosine: 0.1 });
    expect(all([far, near], [], "of the").map(({ score }) => score)).toEqual([1, 0]);
  });

  test("one candidate, or several alike, are all best; ties go by id and chunk", () => {
    expect(all([candidate({})]).map(({ score }) => score)).toEqual([1]);
    const alike = [
      candidate({ id: "b" }),
      candidate({ id: "a", chunk: 1 }),
      candidate({ id: "a" }),
    ];
    expect(ranking(all(alike))).toEqual([
      ["a", 1, 0, 1],
      ["a", 1, 1, 1],
      ["b", 1, 0, 1],
    ]);
  });

  test("nothing comes of nothing", () => {
    expect(all([])).toEqual([]);
  });

  test("a passage that names the code once comes before those that are nearer", () => {
    const near = Array.from({ length: 70 }, (_, at) =>
      candidate({
        id: `n${at}`,
        cosine: 0.5 - at / 1_000,
        text: `host ticket OPS-${3_000 + at} of the rack in the yard`,
      }),
    );
    const code = candidate({
      id: "code",
      cosine: 0.4,
      text: "host ticket OPS-2137 of the rack in the yard",
    });
    for (const question of ["OPS-2137", "ops2137", "which host has ticket OPS-2137"]) {
      expect(ids(all([...near, code], [], question))[0]).toBe("code");
    }
  });

  test("a number with a unit, an ordinal and a year are no codes", () => {
    for (const number of ["5kg", "19th", "1960s", "1984"]) {
      const often = candidate({ id: "often", cosine: 0.5, text: `${number} ${number} of grain` });
      const once = candidate({ id: "once", cosine: 0.5, text: `${number} of grain` });
      expect(ids(all([once, often], [], number))[0]).toBe("often");
    }
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Candidate } from "../../src/contract/candidate.ts";
import { packSparse, sparseProduct } from "../../src/contract/sparse.ts";
import { rank } from "../../src/retrieval/fusion.ts";
import { askedFor, candidate } from "../answer/candidates.ts";
import { runs } from "../support/runs.ts";

const text = "watermark merge";
const weights = new Float32Array(20);
weights[3] = 1.5;
weights[9] = 0.5;
const question = packSparse(weights, 9);
/** Of a chunk that weighs every term as the question does. */
const full = sparseProduct(question, question);

const ranked = (hot: readonly Candidate[], options: Partial<Parameters<typeof rank>[0]> = {}) =>
  rank({
    ...{ question: text, cold: [], limit: 50, perList: 64, sparse: question },
    hot: hot.map((found) => askedFor(text, found)),
    ...options,
  });

const idsOf = ({ fused }: ReturnType<typeof rank>): string[] =>
  fused.map(({ candidate: { documentId } }) => documentId);

const pool = fc.uniqueArray(
  fc
    .record({
      id: fc.constantFrom("a", "b", "c", "d", "e", "f"),
      cosine: fc.double({ min: -1, max: 1, noNaN: true }),
      words: fc.array(fc.constantFrom("watermark", "merge", "cat"), { maxLength: 4 }),
      sparse: fc.option(fc.double({ min: 0, max: 4, noNaN: true }), { nil: undefined, freq: 9 }),
    })
    .map(({ words, ...rest }) => candidate({ ...rest, text: words.join(" ") })),
  { selector: ({ documentId }) => documentId },
);

describe("the sparse signal", () => {
  it("puts what is about the question's words before what is as near and has as many of them", () => {
    const about = candidate({ id: "z", sparse: full });
    const other = candidate({ id: "a", sparse: full / 10 });
    expect(idsOf(ranked([other, about]))).toEqual(["z", "a"]);
    expect(idsOf(ranked([other, about], { sparse: undefined }))).toEqual(["a", "z"]);
  });

  it("leaves the score of a chunk without one as the other two make it", () => {
    fc.assert(
      fc.property(pool, (candidates) => {
        const scores = (sparse: typeof question | undefined) =>
          new Map(
            ranked(candidates, { sparse }).fused.map((each) => [each.candidate.documentId, each]),
          );
        const [without, withIt] = [scores(undefined), scores(question)];
        const having = candidates.filter(({ sparse }) => sparse !== undefined).length;
        const counts = having >= 0.8 * candidates.length;
        for (const { documentId, sparse } of candidates) {
          const [before, after] = [without.get(documentId), withIt.get(documentId)];
          if (sparse === undefined || !counts) expect(after?.raw).toBe(before?.raw);
          else {
            const expected = 0.6 * (before?.raw ?? 9) + 0.4 * Math.min(1, sparse / full);
            expect(after?.raw).toBeCloseTo(expected, 12);
          }
        }
      }),
      { numRuns: runs(50) },
    );
  });

  it("is the same wherever each chunk lies, and in any order (F2)", () => {
    const shuffled = pool.chain((candidates) =>
      fc.tuple(
        fc.constant(candidates),
        fc.shuffledSubarray(candidates, { minLength: candidates.length }),
        fc.nat(candidates.length),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([candidates, other, cut]) => {
        const lines = ({ fused }: ReturnType<typeof rank>) =>
          fused.map(({ candidate: { documentId }, score, raw }) => [documentId, score, raw]);
        const cold = other.slice(cut).map((found) => askedFor(text, found));
        expect(lines(ranked(other.slice(0, cut), { cold }))).toEqual(lines(ranked(candidates)));
      }),
      { numRuns: runs(50) },
    );
  });

  it.each(["dense", "lexical"] as const)("changes nothing of a ranking that is %s", (rankBy) => {
    fc.assert(
      fc.property(pool, (candidates) => {
        const [one, other] = [question, undefined].map(
          (sparse) => ranked(candidates, { rankBy, sparse }).fused,
        );
        expect(one?.map(({ raw }) => raw)).toEqual(other?.map(({ raw }) => raw));
        expect(idsOf(ranked(candidates, { rankBy }))).toEqual(
          idsOf(ranked(candidates, { rankBy, sparse: undefined })),
        );
      }),
      { numRuns: runs(30) },
    );
  });

  it("changes nothing of how relevant the best is", () => {
    fc.assert(
      fc.property(pool, (candidates) => {
        const { relevance } = ranked(candidates);
        expect(relevance).toEqual(ranked(candidates, { sparse: undefined }).relevance);
      }),
      { numRuns: runs(30) },
    );
  });

  it("says its weight, each chunk's place in its list, and how many lack it", () => {
    const [best, none] = [candidate({ id: "b", sparse: full }), candidate({ id: "n" })];
    const others = ["c", "d"].map((id) => candidate({ id, sparse: 0 }));
    const ranking = ranked([candidate({ id: "a", sparse: full / 2 }), none, best, ...others]);
    expect(ranking.weights).toEqual({ nearness: 0.15, words: 0.45, sparse: 0.4 });
    expect(ranking.counts.withoutSparse).toBe(1);
    const places = ranking.places();
    const placeOf = (id: string) =>
      ranking.fused
        .filter(({ candidate: { documentId } }) => documentId === id)
        .map((each) => places(each.candidate).sparse);
    expect(["b", "a", "n"].map(placeOf)).toEqual([[1], [2], [undefined]]);
  });
});

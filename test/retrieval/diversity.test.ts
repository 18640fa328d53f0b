import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dotProduct } from "../../src/contract/vector.ts";
import { diversify, duplicateCosine } from "../../src/retrieval/diversity.ts";
import type { Fused } from "../../src/retrieval/fusion.ts";
import { candidate } from "../answer/candidates.ts";
import { unit } from "../hot/documents.ts";

const fused = (id: string, score: number, ...vector: readonly number[]): Fused => ({
  candidate: candidate({ id, vector: unit(...vector) }),
  score,
  raw: score,
  signals: { cosine: 0, bm25: 0, near: 0, words: 0, lift: 0, freshness: 1 },
});
const chosen = ({ fused: kept }: ReturnType<typeof diversify>) =>
  kept.map(({ candidate: { documentId } }) => documentId);

const a = fused("a", 1, 1, 0, 0);
const copyOfA = fused("a2", 0.9, 1, 0.05, 0);
const likeA = fused("a3", 0.8, 1, 0.5, 0);
const other = fused("b", 0.5, 0, 1, 0);

describe("diversity", () => {
  test("DV2: at 0 near-duplicates are counted on the better passage, and nothing else changes", () => {
    const kept = diversify([a, copyOfA, likeA, other], { diversity: 0, limit: 3 });
    expect(chosen(kept)).toEqual(["a", "a3", "b"]);
    expect(kept.fused.map(({ duplicates }) => duplicates)).toEqual([1, 0, 0]);
    expect(kept.folded).toBe(1);
  });

  test("above 0 what differs comes before what repeats", () => {
    expect(chosen(diversify([a, likeA, other], { diversity: 0.1, limit: 2 }))).toEqual(["a", "a3"]);
    expect(chosen(diversify([a, likeA, other], { diversity: 0.5, limit: 2 }))).toEqual(["a", "b"]);
  });

  test("one document does not fill the top, though its passages differ", () => {
    const passages = [fused("x", 1, 1, 0, 0), fused("x", 0.9, 0, 1, 0), fused("y", 0.6, 0, 0, 1)];
    expect(chosen(diversify(passages, { diversity: 0.5, limit: 2 }))).toEqual(["x", "y"]);
  });

  test("without vectors nothing is like anything", () => {
    const bare = [candidate({ id: "p" }), candidate({ id: "q" })].map((found) => ({
      ...a,
      candidate: found,
    }));
    expect(diversify(bare, { diversity: 0, limit: 5 })).toMatchObject({ folded: 0 });
  });

  test("DV1, DV2: the best stays first, each passage counts once, none taken are near-duplicates", () => {
    const numbers = fc.tuple(
      fc.integer({ min: -3, max: 3 }),
      fc.integer({ min: -3, max: 3 }),
      fc.integer({ min: 1, max: 3 }),
    );
    const list = fc
      .array(numbers, { maxLength: 20 })
      .map((vectors) =>
        vectors.map((vector, index) => fused(`d${index % 7}`, 1 - index / 20, ...vector)),
      );
    fc.assert(
      fc.property(list, fc.double({ min: 0, max: 1, noNaN: true }), (passages, diversity) => {
        const kept = diversify(passages, { diversity, limit: passages.length });
        const counted = kept.fused.reduce((sum, { duplicates }) => sum + 1 + duplicates, 0);
        expect(counted).toBe(passages.length);
        expect(kept.fused[0]?.candidate).toBe(passages[0]?.candidate);
        for (const [index, { candidate: left }] of kept.fused.entries()) {
          for (const { candidate: right } of kept.fused.slice(index + 1)) {
            const [one, two] = [left.vector ?? [], right.vector ?? []];
            const like = dotProduct(one, two);
            expect(like).toBeLessThan(duplicateCosine + 1e-5);
          }
        }
      }),
    );
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fuse } from "../../src/retrieval/fusion.ts";
import { liftsOf } from "../../src/retrieval/likeness.ts";
import { askedFor, candidate } from "../answer/candidates.ts";
import { unit } from "../hot/documents.ts";
import { runs } from "../support/runs.ts";

const passage = (id: string, worth: number, ...vector: readonly number[]) => ({
  candidate: candidate({ id, vector: unit(...vector) }),
  worth,
});

/** Falling, as a ranking is; several chunks of some documents. */
const ranked = fc
  .array(
    fc.record({
      document: fc.nat(12),
      worth: fc.double({ min: 0, max: 1, noNaN: true }),
      vector: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 3, maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((all) =>
    all
      .toSorted((left, right) => right.worth - left.worth)
      .map(({ document, worth, vector }, chunk) => ({
        candidate: candidate({ id: `d${document}`, chunk, vector: unit(...vector) }),
        worth,
      })),
  );

describe("what better passages say of one that is like them", () => {
  test("it is lifted past one that is like nothing", () => {
    const best = passage("best", 1, 1, 0.1, 0);
    const apart = passage("apart", 0.5, 0, 0, 1);
    const like = passage("like", 0.45, 1, 0, 0);
    const lifts = liftsOf([best, apart, like]);
    expect(like.worth + (lifts.get(like.candidate) ?? 0)).toBeGreaterThan(apart.worth);
    expect(lifts.get(apart.candidate)).toBeUndefined();
  });

  test("none is lowered, the best stays it, none passes all that lift it (LK1)", () => {
    fc.assert(
      fc.property(ranked, (all) => {
        const lifts = liftsOf(all);
        const [best] = all;
        expect(lifts.get(best?.candidate as never)).toBeUndefined();
        for (const { candidate: each, worth } of all) {
          const lift = lifts.get(each) ?? 0;
          expect(lift).toBeGreaterThanOrEqual(0);
          if (lift > 0) expect(worth + lift).toBeLessThan(best?.worth ?? 0);
        }
      }),
      { numRuns: runs(200) },
    );
  });

  test("a document's other chunks do not lift it (LK3)", () => {
    const first = passage("one", 1, 1, 0, 0);
    const second = { ...passage("one", 0.2, 1, 0, 0) };
    expect(liftsOf([first, second])).toEqual(new Map());
  });

  test("without vectors nothing is lifted", () => {
    const plain = [1, 0.5].map((worth, at) => ({ candidate: candidate({ id: `d${at}` }), worth }));
    expect(liftsOf(plain)).toEqual(new Map());
  });

  test("the ranking by both says what was added; those by one of the two add nothing", () => {
    const question = "watermark";
    const hot = [
      candidate({ id: "best", text: "watermark", cosine: 0.9, vector: unit(1, 0.1, 0) }),
      candidate({ id: "apart", text: "watermark cat cat", cosine: 0.6, vector: unit(0, 0, 1) }),
      candidate({ id: "like", text: "tide mark", cosine: 0.7, vector: unit(1, 0, 0) }),
    ].map((found) => askedFor(question, found));
    const by = (rankBy: "hybrid" | "dense" | "lexical") =>
      fuse({ question, hot, cold: [], limit: 10, perList: 64, rankBy });
    const [like] = by("hybrid").filter(({ candidate: found }) => found.documentId === "like");
    expect(like?.signals.lift).toBeGreaterThan(0);
    for (const rankBy of ["dense", "lexical"] as const)
      expect(by(rankBy).map(({ signals }) => signals.lift)).not.toContainEqual(like?.signals.lift);
  });
});

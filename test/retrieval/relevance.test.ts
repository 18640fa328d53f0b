import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rank } from "../../src/retrieval/fusion.ts";
import { relevanceOf, relevanceThreshold } from "../../src/retrieval/relevance.ts";
import { askedFor, candidate } from "../answer/candidates.ts";

const question = "replay window of the merge";
const pool = (...found: readonly Parameters<typeof candidate>[0][]) =>
  found.map((fields) => askedFor(question, candidate(fields)));
const ranked = (
  candidates: ReturnType<typeof pool>,
  options: Partial<Parameters<typeof rank>[0]> = {},
) => rank({ question, hot: candidates, cold: [], limit: 10, perList: 64, ...options });
const ids = ({ fused }: ReturnType<typeof rank>) =>
  fused.map(({ candidate: { documentId } }) => documentId);

const about = { id: "about", cosine: 0.6, text: "The merge keeps its replay window." };
const words = { id: "words", cosine: 0.1, text: "A replay window, and again a replay window." };
const near = { id: "near", cosine: 0.7, text: "How long old records can be read again." };
const away = { id: "away", cosine: 0.05, text: "Cats sleep most of the day." };

describe("what a source's scores mean", () => {
  test("the cosine is the candidate's own, whatever else was found", () => {
    const alone = ranked(pool(about)).fused[0]?.signals;
    const beside = ranked(pool(words, about, near, away)).fused.find(
      (each) => each.candidate.documentId === "about",
    )?.signals;
    expect(alone?.cosine).toBeCloseTo(0.6, 5);
    expect(beside?.cosine).toBe(alone?.cosine);
  });

  test("BM25 is 0 without a word of the question and grows with rare ones", () => {
    const bm25 = Object.fromEntries(
      ranked(pool(about, words, near, away)).fused.map((each) => [
        each.candidate.documentId,
        each.signals.bm25,
      ]),
    );
    expect(bm25["away"]).toBe(0);
    expect(bm25["about"]).toBeGreaterThan(bm25["near"] ?? 0);
  });

  test("below min_cosine nothing stays, and what stays keeps its order and its parts", () => {
    const all = pool(about, words, near, away);
    const whole = ranked(all);
    const cut = ranked(all, { minCosine: 0.3 });
    expect(ids(cut)).toEqual(ids(whole).filter((id) => id === "about" || id === "near"));
    expect(cut.counts.belowMinCosine).toBe(2);
    const parts = (id: string, { fused }: typeof whole) =>
      fused.find((each) => each.candidate.documentId === id)?.signals;
    expect(parts("about", cut)).toEqual(parts("about", whole));
    expect(ids(ranked(all, { minCosine: 0.9 }))).toEqual([]);
  });
});

describe("rank_by", () => {
  test("dense is the order of the cosines, lexical that of the words alone", () => {
    const all = pool(about, words, near, away);
    expect(ids(ranked(all, { rankBy: "dense" }))).toEqual(["near", "about", "words", "away"]);
    const lexical = ranked(all, { rankBy: "lexical" });
    expect(ids(lexical)).not.toContain("away");
    expect(new Set(ids(lexical))).toEqual(new Set(["about", "words"]));
    expect(lexical.counts.unmatched).toBe(2);
  });

  test("dense holds to the nearest, wherever the others came from", () => {
    const all = pool(about, words, near, away);
    expect(ids(ranked(all, { rankBy: "dense", perList: 2 }))).toEqual(["near", "about"]);
  });

  test("each mode's scores are in 0…1 and fall", () => {
    const found = fc.uniqueArray(
      fc.record({
        id: fc.constantFrom("a", "b", "c", "d", "e"),
        cosine: fc.double({ min: -1, max: 1, noNaN: true }),
        text: fc.constantFrom("replay", "window merge", "cats", "the"),
      }),
      { selector: ({ id }) => id },
    );
    fc.assert(
      fc.property(found, fc.constantFrom("hybrid", "dense", "lexical"), (fields, rankBy) => {
        const { fused } = ranked(pool(...fields), { rankBy });
        const scores = fused.map(({ score }) => score);
        expect(scores).toEqual([...scores].sort((left, right) => right - left));
        expect(scores.every((score) => score >= 0 && score <= 1)).toBe(true);
      }),
    );
  });
});

describe("relevance", () => {
  const relevance = (...fields: readonly Parameters<typeof candidate>[0][]) =>
    relevanceOf(ranked(pool(...fields)).relevance);

  test("what is about the question is far above the threshold, what is not far below", () => {
    expect(relevance(about, away)).toBeGreaterThan(0.5);
    expect(relevance(away)).toBeLessThan(relevanceThreshold / 2);
  });

  test("either signal alone is enough when it is strong", () => {
    expect(relevance({ ...near, cosine: 0.75, text: "other words" })).toBeGreaterThan(0.5);
    expect(relevance({ ...about, cosine: 0.2 }, away)).toBeGreaterThan(relevanceThreshold);
  });

  test.each(["?", "!!! ... ---", "😂🎉"])(
    "of a question without any word, %s, the meaning alone decides, and far from it is not about it",
    (asked) => {
      const signals = (cosine: number) => {
        const found = { ...away, cosine };
        const hot = [askedFor(asked, candidate(found))];
        return rank({ question: asked, hot, cold: [], limit: 10, perList: 64 }).relevance;
      };
      expect(signals(0.3).coverage).toBe(0);
      expect(relevanceOf(signals(0.3))).toBeLessThan(relevanceThreshold);
      expect(relevanceOf(signals(0.6))).toBeGreaterThan(relevanceThreshold);
    },
  );

  const judged = (asked: string, fields: Parameters<typeof candidate>[0]) => {
    const others = Array.from({ length: 20 }, (_, index) => ({ ...away, id: `other-${index}` }));
    const hot = [fields, ...others].map((each) => askedFor(asked, candidate(each)));
    return rank({ question: asked, hot, cold: [], limit: 10, perList: 64 }).relevance;
  };
  const history = {
    ...{ id: "history", cosine: 0.15 },
    text: "The factory burnt down in 2001; nobody was hurt in the fire. Its cookie is kc_session.",
  };

  test("a word that only asks is little evidence where the passage names another thing", () => {
    const codes = { id: "codes", cosine: 0.24, text: "Code, meaning: 404 not found, 429 slow." };
    const meansNothing = judged("What does 418 mean?", codes);
    expect(meansNothing.coverage).toBeLessThan(0.35);
    expect(relevanceOf(meansNothing)).toBeLessThan(relevanceThreshold);
    expect(judged("What does 429 mean?", codes).coverage).toBe(1);
  });

  const strike = { id: "strike", cosine: 0.2, text: "The strike began on 5 March 2026." };

  test.each(["2026-03-05", "5.3.2026", "March 5th, 2026", "2026/03/05"])(
    "a passage that names the day holds it, however the question writes it: %s",
    (day) => {
      expect(judged(`What began on ${day}?`, strike).coverage).toBe(1);
      expect(relevanceOf(judged(`What began on ${day}?`, strike))).toBeGreaterThan(0.2);
    },
  );

  test("a day is no code: a passage with another one beside it is relevant", () => {
    const both = { ...strike, text: `The audit was on 2026-03-04. ${strike.text}` };
    expect(judged("What began on 2026-03-05?", both).isAnotherCode).toBe(false);
    const serial = { ...strike, text: "Serial 87654321 came on 2026-03-04." };
    expect(judged("What is 12345678?", serial).isAnotherCode).toBe(true);
    expect(judged("What is 12345678?", { ...strike, text: "On 2026-03-04." }).isAnotherCode).toBe(
      false,
    );
  });

  test("the passage of the day comes first, though another is as near and a word more", () => {
    const asked = "What is on 2026-03-08?";
    const fair = { id: "fair", cosine: 0.3, text: "The market is on the 8th of March 2026." };
    const rose = { id: "rose", cosine: 0.36, text: "Turnover rose on and on in Q3 2026." };
    const hot = [fair, rose].map((each) => askedFor(asked, candidate(each)));
    const found = rank({ question: asked, hot, cold: [], limit: 10, perList: 64 });
    expect(ids(found)[0]).toBe("fair");
    expect(found.relevance.coverage).toBe(1);
  });

  const tale = "We had a very long meeting about nothing in particular. ".repeat(40);

  test("of a long text what it asks counts, not how much it tells beside that", () => {
    const about = { ...history, cosine: 0.15 };
    const asks = judged(`${tale}Was anybody hurt in the fire?`, about);
    expect(asks.coverage).toBe(1);
    expect(relevanceOf(asks)).toBeGreaterThan(relevanceThreshold);
    expect(relevanceOf(judged(`${tale}Who won the chess game?`, about))).toBeLessThan(
      relevanceThreshold,
    );
    expect(relevanceOf(judged(`${tale}How are you?`, about))).toBeLessThan(relevanceThreshold);
  });

  test("another day is not the one that was asked for", () => {
    expect(judged("What began on 2026-03-06?", strike).coverage).toBeLessThan(0.6);
  });

  test.each([
    ["Was anybody hurt in the fire?", 1],
    ["What is the cookie called?", 1],
    ["What happened in 2001?", 1],
    ["Explain the factory please", 1],
    ["What is the gym called?", 0],
    ["What happened?", 0],
  ])("words that only ask are no evidence where the passage lacks them: %s", (asked, coverage) => {
    expect(judged(asked, history).coverage).toBe(coverage);
    expect(relevanceOf(judged(asked, history)) > relevanceThreshold).toBe(coverage === 1);
  });

  const release = {
    ...{ id: "release", cosine: 0.1 },
    text: "Version 3.1.4: pairing needs a PIN, see KES-1187. The meeting is at 10:30.",
  };

  test.each([
    ["When was 3.1.4 released to customers?", true],
    ["Which customers complained about KES-1187?", true],
    ["When was 3.1.5 released to customers?", false],
    ["Which customers complained about KES-1188?", false],
    ["Which customers complained at 10:30?", false],
  ])("a passage that names a code of the question is about it: %s", (asked, isAbout) => {
    expect(judged(asked, release).coverage === 1).toBe(isAbout);
    expect(relevanceOf(judged(asked, release)) > relevanceThreshold).toBe(isAbout);
  });

  test("nothing found is nothing relevant", () => {
    expect(relevance()).toBeLessThan(relevanceThreshold);
  });

  test("it grows with both signals, so a better passage never makes a reply less relevant", () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(unit, unit, unit, (cosine, coverage, more) => {
        const here = relevanceOf({ cosine, coverage });
        expect(
          relevanceOf({ cosine: Math.min(1, cosine + more), coverage }),
        ).toBeGreaterThanOrEqual(here);
        expect(
          relevanceOf({ cosine, coverage: Math.min(1, coverage + more) }),
        ).toBeGreaterThanOrEqual(here);
      }),
    );
  });

  test("it does not depend on rank_by, nor on how old the documents are", () => {
    const all = pool(about, words, near, away);
    const expected = ranked(all).relevance;
    expect(ranked(all, { rankBy: "dense" }).relevance).toEqual(expected);
    const recency = {
      recency: { field: "timestamp", half_life_s: 1, weight: 1 },
      nowMs: 1e12,
    } as const;
    expect(ranked(all, { recency }).relevance).toEqual(expected);
  });
});

/** What a question may say of its ranking, from the request to the reply. */

import { describe, expect, it } from "vitest";
import type { WriteRequest } from "../../src/answer/port.ts";
import type { ColdObject } from "../../src/cold/port.ts";
import type { Candidate } from "../../src/contract/candidate.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { DocumentId, Version } from "../../src/contract/ids.ts";
import type { Answer } from "../../src/contract/query.ts";
import type { RerankRequest } from "../../src/retrieval/rerank-port.ts";
import { codeOf } from "../support/promises.ts";
import { dimensions, until, upsert } from "./kit.ts";
import { coldHit, type QuestionSetUp, startQuestions } from "./question-kit.ts";

const search = { mode: "search" };
const idsOf = ({ sources }: Answer) => sources.map(({ id }) => id);

/** At an angle to the question's vector, which is axis 0. */
function at(cosine: number, other = 1): Float32Array {
  const vector = new Float32Array(dimensions);
  vector[0] = cosine;
  vector[other] = Math.sqrt(1 - cosine * cosine);
  return vector;
}

/** Three documents in memory: the nearest, one with the question's words, one that is neither. */
function threeDocuments(options: QuestionSetUp = {}) {
  const questions = startQuestions(options);
  questions.load(0);
  const documents = [
    ["near", "something else", at(0.9)],
    ["words", "the text of it", at(0.3, 2)],
    ["away", "something else again", at(0.1, 3)],
  ] as const;
  for (const [index, [id, text, vector]] of documents.entries()) {
    questions.apply(upsert({ id, position: index + 1, chunks: [{ text, vector }] }));
  }
  return questions;
}

describe("scores", () => {
  it("each source has its cosine and BM25, the reply how relevant the best is", async () => {
    const { ask } = threeDocuments();
    const { sources, relevance } = await ask(search).promise;
    const byId = Object.fromEntries(sources.map((source) => [source.id, source]));
    expect(byId["near"]?.cosine).toBeCloseTo(0.9, 2);
    expect(byId["near"]?.bm25).toBe(0);
    expect(byId["words"]?.bm25).toBeGreaterThan(0);
    expect(relevance).toMatchObject({ threshold: 0.05, coverage: 1 });
  });

  it("min_cosine leaves out what is below it, and nothing left is no_results", async () => {
    const { ask } = threeDocuments();
    expect(idsOf(await ask({ ...search, min_cosine: 0.2 }).promise).sort()).toEqual([
      "near",
      "words",
    ]);
    expect(await codeOf(ask({ ...search, min_cosine: 0.95 }).promise)).toBe("no_results");
  });

  it("rank_by takes meaning or words alone, and equal questions of another mode share nothing", async () => {
    const { ask } = threeDocuments();
    expect(idsOf(await ask({ ...search, rank_by: "dense" }).promise)).toEqual([
      ...["near", "words", "away"],
    ]);
    expect(idsOf(await ask({ ...search, rank_by: "lexical" }).promise)).toEqual(["words"]);
    expect(idsOf(await ask(search).promise)[0]).toBe("words");
  });
});

describe("nothing relevant", () => {
  const irrelevant = (options: QuestionSetUp = {}) => {
    const questions = startQuestions(options);
    questions.load(0);
    const chunks = [{ text: "something else", vector: at(0.1) }];
    questions.apply(upsert({ id: "away", position: 1, chunks }));
    return questions;
  };

  it("is no_results with the reason, before the model is asked, where the engine declines", async () => {
    const { ask, writes } = irrelevant({ declines: true });
    const error = await ask().promise.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "no_results",
      details: { reason: "not_relevant", threshold: 0.05, coverage: "empty" },
    });
    expect(writes).toEqual([]);
  });

  it("a search shows it with its relevance, and a question may say either", async () => {
    const { ask, writes } = irrelevant({ declines: true });
    const { sources, relevance } = await ask(search).promise;
    expect(sources).toHaveLength(1);
    expect(relevance?.score).toBeLessThan(relevance?.threshold ?? 0);
    expect(await codeOf(ask({ ...search, decline: true }).promise)).toBe("no_results");
    await ask({ decline: false }).promise;
    expect(writes).toHaveLength(1);
  });

  it("an engine that does not decline answers, unless the question says", async () => {
    const { ask } = irrelevant();
    expect((await ask().promise).relevance?.score).toBeLessThan(0.05);
    expect(await codeOf(ask({ decline: true }).promise)).toBe("no_results");
  });

  it("I12: while cold is away it is cold_unavailable: what is relevant may be there", async () => {
    const { ask, load } = startQuestions({
      declines: true,
      search: () => Promise.reject(new FreshetError("cold_unavailable")),
    });
    load(5, [["merged", 1]]);
    expect(await codeOf(ask().promise)).toBe("cold_unavailable");
  });

  it("Q4, I6: it is said only by a node that still owns the tenant", async () => {
    const { ask, takeOver } = irrelevant({ declines: true });
    takeOver();
    expect(await codeOf(ask().promise)).toBe("not_ready");
  });
});

describe("diversity", () => {
  it("copies of a passage are counted on the first, from memory and from cold alike", async () => {
    const copy = (id: string, version: number): Candidate => ({
      ...coldHit(id, version),
      ...{ cosine: 0.5, vector: at(0.9), text: "something else" },
    });
    const { ask, load, apply, searches } = startQuestions({
      search: async ({ wanted }) =>
        [copy("b", 1), copy("c", 2)].map(({ vector, ...hit }) => ({
          ...hit,
          ...(wanted?.vectors === true ? { vector } : {}),
        })),
    });
    load(2, [
      ["b", 1],
      ["c", 2],
    ]);
    const chunks = [{ text: "something else", vector: at(0.9) }];
    apply(upsert({ id: "a", position: 3, chunks }));
    const folded = await ask({ ...search, diversity: 0 }).promise;
    expect(folded.sources).toMatchObject([{ id: "a", duplicates: 2 }]);
    expect(searches.at(-1)?.wanted).toMatchObject({ vectors: true });
    const plain = await ask(search).promise;
    expect(plain.sources).toHaveLength(3);
    expect(plain.sources[0]).not.toHaveProperty("duplicates");
  });
});

describe("context", () => {
  const chunksOf = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      text: `part ${index}.`,
      vector: index === 2 ? at(0.9) : at(0.1, 2 + (index % 3)),
    }));

  it("QK3: a window has the neighbours, of memory at once", async () => {
    const { ask, load, apply } = startQuestions();
    load(0);
    apply(upsert({ id: "a", position: 1, chunks: chunksOf(5) }));
    const asked = { ...search, top_k: 1, rank_by: "dense" };
    const { sources, coverage } = await ask({ ...asked, context: "window" }).promise;
    const context = { text: "part 1.\npart 2.\npart 3.", first: 1, last: 3 };
    expect(sources).toMatchObject([{ chunk: 2, text: "part 2.", context }]);
    expect(coverage.context).toBe("complete");
    const whole = await ask({ ...asked, context: "document" }).promise;
    expect(whole.sources[0]?.context).toMatchObject({ first: 0, last: 4 });
    const plain = await ask(asked).promise;
    expect(plain.sources[0]).not.toHaveProperty("context");
    expect(plain.coverage).not.toHaveProperty("context");
  });

  const inCold = (version: number, chunk: number) =>
    ({
      ...{ documentId: "a" as DocumentId, version: version as Version, chunk, chunkCount: 3 },
      text: `part ${chunk}.`,
    }) as ColdObject;

  it("what is merged is read in one request, of the version that was found", async () => {
    const reads: (readonly string[])[] = [];
    const { ask, load } = startQuestions({
      search: async () => [{ ...coldHit("a", 7, 1), text: "part 1." }],
      stored: async (ids) => {
        reads.push(ids);
        return [inCold(7, 0), inCold(7, 2)];
      },
    });
    load(8, [["a", 7]]);
    const { sources, coverage } = await ask({ ...search, context: "window" }).promise;
    expect(sources[0]?.context).toEqual({ text: "part 0.\npart 1.\npart 2.", first: 0, last: 2 });
    expect(coverage.context).toBe("complete");
    expect(reads).toHaveLength(1);
    expect(reads[0]).toHaveLength(2);
  });

  it("QK1, I12: without cold the passage stands alone, and the reply says so", async () => {
    let isDown = true;
    const { ask, load } = startQuestions({
      search: async () => [{ ...coldHit("a", 7, 1), text: "part 1." }],
      stored: async () => {
        if (isDown) throw new FreshetError("cold_unavailable");
        return [inCold(7, 0), inCold(7, 2)];
      },
    });
    load(8, [["a", 7]]);
    const asked = { ...search, context: "window" };
    const alone = await ask(asked).promise;
    expect(alone.sources[0]).not.toHaveProperty("context");
    expect(alone.coverage.context).toBe("partial");
    isDown = false;
    const whole = await ask(asked).promise;
    expect(whole.coverage.context).toBe("complete");
    expect(whole.cache?.search).toBe("miss");
  });

  it("the writer gets it with its source", async () => {
    const written: WriteRequest[] = [];
    const { ask, load, apply } = startQuestions({
      write: async (request) => {
        written.push(request);
        return { answer: "so [1]", llm: "hand" };
      },
    });
    load(0);
    apply(upsert({ id: "a", position: 1, chunks: chunksOf(5) }));
    await ask({ top_k: 1, rank_by: "dense", context: "window" }).promise;
    expect(written[0]?.sources[0]?.context?.text).toContain("part 1.");
  });
});

describe("a reranker", () => {
  const reranked = (scores: (request: RerankRequest) => Promise<readonly number[]>) =>
    threeDocuments({
      reranking: {
        reranker: { name: "hand", scores, close: async () => {} },
        deadlineMs: 200,
      },
    });

  it("orders what was found, and its scores are told", async () => {
    const { ask } = reranked(async ({ texts }) =>
      texts.map((text) => (text.includes("again") ? 9 : text.length / 100)),
    );
    const { sources, coverage } = await ask(search).promise;
    expect(sources[0]).toMatchObject({ id: "away", rerank: 9, score: 1 });
    expect(sources.map(({ score }) => score)).toEqual(
      sources.map(({ score }) => score).toSorted((left, right) => right - left),
    );
    expect(coverage.rerank).toBe("complete");
  });

  it("QK2, I10: it gets the redacted question and stored texts alone", async () => {
    const seen: RerankRequest[] = [];
    const { ask } = reranked(async (request) => {
      seen.push(request);
      return request.texts.map(() => 0);
    });
    await ask({ ...search, query: "secret text" }).promise;
    expect(seen[0]?.query).toBe("[redacted] text");
    expect(seen[0]?.texts).toHaveLength(3);
  });

  it("QK1, I12: one that fails leaves the fused order, says so, and is asked again", async () => {
    let calls = 0;
    const { ask } = reranked(async () => {
      calls += 1;
      throw new FreshetError("model_unavailable", undefined, { details: { status: 500 } });
    });
    const { ask: askPlain } = threeDocuments();
    const failed = await ask(search).promise;
    expect(idsOf(failed)).toEqual(idsOf(await askPlain(search).promise));
    expect(failed.coverage.rerank).toBe("unavailable");
    expect((await ask(search).promise).cache?.search).toBe("miss");
    expect(calls).toBe(2);
  });

  it("QK1: one that is too slow is not waited for", async () => {
    const asked = Promise.withResolvers<void>();
    const { ask, clock } = reranked(() => {
      asked.resolve();
      return new Promise(() => {});
    });
    const { promise, answers } = ask(search);
    await asked.promise;
    expect(answers()).toBe(0);
    await clock.advance(200);
    expect((await promise).coverage.rerank).toBe("timeout");
  });

  it("is not asked where the question says so, and then coverage names none", async () => {
    const { ask } = reranked(() => Promise.reject(new Error("asked")));
    const { coverage } = await ask({ ...search, rerank: false }).promise;
    expect(coverage).not.toHaveProperty("rerank");
  });
});

describe("explain", () => {
  it("says of each source where it stood in each list, and where the others went", async () => {
    const { ask } = threeDocuments();
    const { sources, explain, cache } = await ask({ ...search, explain: true, top_k: 2 }).promise;
    expect(explain).toMatchObject({
      rank_by: "hybrid",
      weights: { nearness: 0.25, words: 0.75 },
      terms: [{ term: "text" }],
      shards: { hot: 3, cold: 0, hidden_superseded: 0, cold_searches: 0 },
      pool: { candidates: 3, beyond_top_k: 1, below_min_cosine: 0 },
    });
    expect(explain?.sources.map(({ id }) => id)).toEqual(sources.map(({ id }) => id));
    expect(explain?.sources[0]).toMatchObject({
      ...{ id: "words", dense_rank: 2, lexical_rank: 1, fused_rank: 1 },
      freshness: 1,
    });
    expect(explain?.sources[1]).toMatchObject({ id: "near", dense_rank: 1 });
    expect(explain?.sources[1]).not.toHaveProperty("lexical_rank");
    expect(cache?.search).toBe("off");
    expect((await ask(search).promise).explain).toBeUndefined();
  });

  it("counts what of cold the heads hid, and what of it had expired", async () => {
    const { ask, load } = startQuestions({
      search: async () => [
        ...[coldHit("live", 3), coldHit("live", 2), coldHit("gone", 1)],
        { ...coldHit("over", 4), info: { expiresAtMs: -1 } },
      ],
    });
    load(5, [
      ["live", 3],
      ["over", 4],
    ]);
    const { explain } = await ask({ ...search, explain: true, top_k: 1 }).promise;
    expect(explain?.shards).toMatchObject({
      ...{ cold: 1, hidden_superseded: 2, hidden_expired: 1 },
    });
  });

  it("of an answer it says what the model read, and nothing is kept of it", async () => {
    const prompt = { sources: 3, chars: 120, cut: 0 };
    const { ask, writes } = threeDocuments({
      write: async () => ({ answer: "so [1]", llm: "hand", prompt }),
    });
    expect((await ask({ explain: true }).promise).explain?.prompt).toEqual(prompt);
    await until(() => writes.length === 1);
    expect(writes[0]?.mayKeep).toBe(false);
  });
});

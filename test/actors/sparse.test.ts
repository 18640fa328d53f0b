/** The sparse signal from a document to a record, and from a question to its sources. */

import { describe, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Answer } from "../../src/contract/query.ts";
import { dimensions, quiet, upsert } from "./kit.ts";
import { coldHit, type QuestionSetUp, startQuestions } from "./question-kit.ts";
import { publish, records, startTenant, type TenantSetUp } from "./writer-kit.ts";

/** One term, and its weight. */
const term = (id: number, weight = 64) => Uint8Array.of(id, 0, weight);

async function sparseOf(sparse: NonNullable<TenantSetUp["sparse"]>) {
  const { log, offer } = await startTenant({ sparse });
  offer(publish(log, { id: "a", text: "a pump" }));
  for (let turn = 0; turn < 100; turn += 1) {
    for (const record of await records(log)) {
      if (record.kind === "upsert") return record.body.chunks.map((chunk) => chunk.sparse);
    }
    await quiet();
  }
  throw new Error("the record never came");
}

describe("a document", () => {
  it("is stored with a sparse vector for each chunk", async () => {
    const asked: string[] = [];
    const vectors = await sparseOf(async (text) => {
      asked.push(text);
      return term(7);
    });
    expect(vectors).toEqual([term(7)]);
    expect(asked).toEqual(["a pump"]);
  });

  it.each(["embedding_failed", "embedding_unavailable", "internal"] as const)(
    "is stored without, and not refused, when the encoder fails with %s",
    async (code) => {
      const vectors = await sparseOf(() => Promise.reject(new FreshetError(code)));
      expect(vectors).toEqual([undefined]);
    },
  );

  it("of which no word has a weight has none", async () => {
    expect(await sparseOf(async () => new Uint8Array(0))).toEqual([undefined]);
  });
});

const search = { mode: "search" };
const idsOf = ({ sources }: Answer) => sources.map(({ id }) => id);

/** Two documents that only their sparse vectors tell apart, and one without. */
function documents(options: QuestionSetUp) {
  const questions = startQuestions(options);
  questions.load(0);
  const vector = new Float32Array(dimensions);
  vector[0] = 1;
  const chunk = { text: "something else", vector };
  const all = [
    ["a-other", { ...chunk, sparse: term(9) }],
    ["b-about", { ...chunk, sparse: term(7) }],
  ] as const;
  for (const [index, [id, own]] of all.entries()) {
    questions.apply(upsert({ id, position: index + 1, chunks: [own] }));
  }
  return questions;
}

describe("a question", () => {
  it("is ranked by the sparse signal, and says so", async () => {
    const { ask } = documents({ sparse: () => term(7) });
    const answer = await ask({ ...search, explain: true }).promise;
    expect(idsOf(answer)).toEqual(["b-about", "a-other"]);
    expect(answer.sources.map(({ sparse }) => sparse)).toEqual([1, 0]);
    expect(answer.coverage.sparse).toBe("complete");
    expect(answer.explain).toMatchObject({
      weights: { sparse: 0.4 },
      sources: [{ sparse_rank: 1, sparse: 1 }, { sparse: 0 }],
    });
  });

  it("says nothing of it where it is off", async () => {
    const answer = await documents({}).ask({ ...search, explain: true }).promise;
    expect(idsOf(answer)).toEqual(["a-other", "b-about"]);
    expect(answer.coverage).not.toHaveProperty("sparse");
    expect(answer.explain?.weights).not.toHaveProperty("sparse");
    expect(answer.sources[0]).not.toHaveProperty("sparse");
  });

  it("covers it in part where one in four has none, and leaves it out (I12)", async () => {
    const { ask, apply } = documents({ sparse: () => term(7) });
    apply(upsert({ id: "older", position: 3 }));
    const { coverage, explain } = await ask({ ...search, explain: true }).promise;
    expect(coverage.sparse).toBe("partial");
    expect(explain?.weights).not.toHaveProperty("sparse");
  });

  it("asks cold for it, too", async () => {
    const { ask, load, searches } = startQuestions({
      sparse: () => term(7),
      search: async () => [
        { ...coldHit("a", 1), sparse: 0 },
        { ...coldHit("b", 2), sparse: 1 },
      ],
    });
    load(2, [
      ["a", 1],
      ["b", 2],
    ]);
    expect(idsOf(await ask(search).promise)).toEqual(["b", "a"]);
    expect(searches[0]?.sparse).toEqual(term(7));
  });

  it("whose encoder fails is ranked without, says so, and is asked anew (QV4, QR2)", async () => {
    let calls = 0;
    const { ask } = documents({
      sparse: () => {
        calls += 1;
        if (calls === 1) throw new FreshetError("embedding_unavailable");
        return term(7);
      },
    });
    const first = await ask(search).promise;
    expect(first.coverage.sparse).toBe("unavailable");
    expect(idsOf(first)).toEqual(["a-other", "b-about"]);
    const second = await ask(search).promise;
    expect(second.coverage.sparse).toBe("complete");
    expect(idsOf(second)).toEqual(["b-about", "a-other"]);
    await ask(search).promise;
    expect(calls).toBe(2);
  });

  it("whose encoder does not answer waits for it no longer than a moment (QV4)", async () => {
    const { ask, clock } = documents({ sparse: () => undefined });
    const asked = ask(search);
    await clock.advance(limits.sparseQuestionMs);
    expect((await asked.promise).coverage.sparse).toBe("unavailable");
  });

  it.each([{ rank_by: "dense" }, { diversity: 0.3 }])(
    "with %j has no use for it",
    async (asked) => {
      const { ask } = documents({ sparse: () => term(7) });
      const { coverage, explain } = await ask({ ...search, ...asked, explain: true }).promise;
      expect(coverage).not.toHaveProperty("sparse");
      expect(explain?.weights).not.toHaveProperty("sparse");
    },
  );
});

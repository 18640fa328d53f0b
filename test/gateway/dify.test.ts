/** What Dify sends, and what it reads: docs.dify.ai, "External Knowledge API". */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { parseQuestion } from "../../src/contract/query.ts";
import { parseRetrieval, questionOf, recordsOf } from "../../src/gateway/dify/retrieval.ts";
import { type Fixture, fixture, keyOfAcme } from "./http-fixture.ts";

let site: Fixture;

const setting = { top_k: 2, score_threshold: 0.5 };
const rivers = { knowledge_id: "acme", query: "rivers", retrieval_setting: setting };

function retrieve(body: object, authorization: string | undefined = `Bearer ${keyOfAcme}`) {
  const headers = authorization === "" ? {} : { authorization };
  return site.app.inject({ method: "POST", url: "/retrieval", headers, payload: body });
}

describe("Dify's retrieval", () => {
  beforeEach(async () => {
    site = fixture({ keys: true });
    const payload = JSON.stringify({ id: "a", text: "rivers rise", title: "Rivers" });
    await site.service.publish("acme", { payload: new TextEncoder().encode(payload) });
  });
  afterEach(() => site.close());

  it("finds passages with a title, a score and metadata that is never null", async () => {
    const reply = await retrieve(rivers);
    expect(reply.statusCode).toBe(200);
    expect(reply.json()).toEqual({
      records: [
        {
          ...{ content: "rivers rise", score: 1, title: "Rivers" },
          metadata: { document_id: "a", version: 1, chunk: 0 },
        },
      ],
    });
    expect(site.service.asked).toMatchObject([
      { tenant: "acme", question: { mode: "search", top_k: 2, min_cosine: 0.5 } },
    ]);
  });

  it("nothing that matches is an empty list", async () => {
    expect((await retrieve({ ...rivers, query: "deserts" })).json()).toEqual({ records: [] });
  });

  it("a threshold of 0 is none", async () => {
    const retrieval_setting = { top_k: 1, score_threshold: 0 };
    await retrieve({ ...rivers, retrieval_setting });
    expect(site.service.asked[0]?.question.min_cosine).toBeUndefined();
  });

  it.each([
    ["", 401, 1001],
    ["Basic abc", 401, 1001],
    ["Bearer wrong", 401, 1002],
  ])("refuses the key %j with Dify's numbers", async (authorization, status, error_code) => {
    const reply = await retrieve(rivers, authorization);
    expect(reply.statusCode).toBe(status);
    expect(reply.json()).toMatchObject({ error_code, error_msg: expect.any(String) as string });
  });

  it("knows no knowledge but the key's tenant", async () => {
    const reply = await retrieve({ ...rivers, knowledge_id: "globex" });
    expect(reply.statusCode).toBe(404);
    expect(reply.json()).toMatchObject({ error_code: 2001 });
    expect(site.service.asked).toEqual([]);
  });

  it("what is wrong with a request is said with its field", async () => {
    const reply = await retrieve({ ...rivers, retrieval_setting: { top_k: 0 } });
    expect(reply.statusCode).toBe(400);
    expect(reply.json()).toMatchObject({ error_code: 400 });
    expect(reply.json<{ error_msg: string }>().error_msg).toMatch(/^retrieval_setting\.top_k: /);
    const late = { name: "published_at", comparison_operator: "before", value: "soon" };
    const wrong = await retrieve({ ...rivers, metadata_condition: { conditions: [late] } });
    expect(wrong.json<{ error_msg: string }>().error_msg).toMatch(
      /^metadata_condition\.conditions\.0\.value: a bound is a number or a time/,
    );
  });
});

describe("metadata conditions", () => {
  const filterOf = (conditions: readonly object[], logical_operator?: string) => {
    const metadata_condition = { logical_operator, conditions };
    const question = questionOf(parseRetrieval({ ...rivers, metadata_condition }));
    // What the engine takes as a filter.
    parseQuestion(question);
    return question.filter;
  };
  const one = (comparison_operator: string, value?: unknown, name: unknown = "year") =>
    filterOf([{ name, comparison_operator, value }])?.filters[0];

  it.each([
    ["is", "x", { type: "eq", value: "x" }],
    ["is not", "x", { type: "ne", value: "x" }],
    ["=", "2024", { type: "eq", value: 2024 }],
    ["≠", 7, { type: "ne", value: 7 }],
    [">", "2.5", { type: "gt", value: 2.5 }],
    ["≥", 2, { type: "gte", value: 2 }],
    ["<", 2, { type: "lt", value: 2 }],
    ["≤", "-2", { type: "lte", value: -2 }],
    ["before", "2026-01-01T00:00:00Z", { type: "lt", value: "2026-01-01T00:00:00Z" }],
    ["after", "2026-01-01T00:00:00Z", { type: "gt", value: "2026-01-01T00:00:00Z" }],
    ["in", ["a", "b"], { type: "in", value: ["a", "b"] }],
    ["not in", "a", { type: "nin", value: ["a"] }],
    ["contains", "a", { type: "contains", value: "a" }],
    ["empty", undefined, { type: "exists", value: false }],
    ["not empty", undefined, { type: "exists", value: true }],
  ])("%s %j becomes a filter of ours", (operator, value, expected) => {
    expect(one(operator, value)).toEqual({ key: "year", ...expected });
  });

  it("are joined as they say, and several names are alternatives", () => {
    expect(one("not contains", "a")).toEqual({
      type: "not",
      filter: { type: "contains", key: "year", value: "a" },
    });
    expect(one("is", "x", ["tag", "topic"])).toEqual({
      type: "or",
      filters: [
        { type: "eq", key: "tag", value: "x" },
        { type: "eq", key: "topic", value: "x" },
      ],
    });
    const both = [
      { name: "a", comparison_operator: "is", value: "1" },
      { name: "b", comparison_operator: "is", value: "2" },
    ];
    expect(filterOf(both, "or")?.type).toBe("or");
    expect(filterOf(both)?.type).toBe("and");
    expect(filterOf([])).toBeUndefined();
  });

  it.each([
    ["start with", "a"],
    ["end with", "a"],
    ["is", undefined],
    ["looks like", "a"],
  ])("%s %j is refused, since no filter means it", (operator, value) => {
    expect(() => one(operator, value)).toThrow(FreshetError);
  });
});

it("a score is the cosine, which compares between questions, within 0 and 1", () => {
  const source = {
    ...{ id: "a", version: 1, chunk: 0, score: 1, text: "t", shard: "hot" as const },
    metadata: { year: 2024 },
  };
  const sources = [0.42, -0.1, undefined].map((cosine) => ({ ...source, cosine }));
  const { records } = recordsOf({ sources });
  expect(records.map(({ score }) => score)).toEqual([0.42, 0, 1]);
  expect(records[0]?.metadata).toMatchObject({ year: 2024, document_id: "a" });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { limits } from "../../src/contract/limits.ts";
import { parseQuestion } from "../../src/contract/query.ts";

function refusal(value: unknown): FreshetError {
  try {
    parseQuestion(value);
  } catch (thrown) {
    if (thrown instanceof FreshetError) return thrown;
    throw thrown;
  }
  throw new Error("the question was accepted");
}

const question = (fields: Readonly<Record<string, unknown>>) => ({ query: "why?", ...fields });

describe("parseQuestion", () => {
  it("fills in what was left out", () => {
    expect(parseQuestion({ query: "why?" })).toEqual({
      query: "why?",
      top_k: 5,
      max_tokens: 200,
      mode: "answer",
      wait_ms: 5_000,
      deadline_ms: limits.deadlineMsDefault,
      stream: false,
    });
  });

  it("takes every field at its bounds", () => {
    const most = {
      query: "x".repeat(limits.questionCharsMax),
      top_k: limits.topKMax,
      max_tokens: limits.maxTokensMax,
      filter: { "metadata.a": ["x"], timestamp: { gte: "2024-01-01T00:00:00Z" } },
      mode: "search",
      min_seq: Number.MAX_SAFE_INTEGER,
      max_staleness_ms: limits.stalenessMsMax,
      as_of: "2026-11-29T08:00:00Z",
      wait_ms: limits.waitMsMax,
      deadline_ms: limits.deadlineMsMax,
      stream: true,
    };
    expect(parseQuestion(most)).toEqual(most);
    const least = { top_k: 1, max_tokens: 1, min_seq: 0, wait_ms: 0, deadline_ms: 1 };
    expect(parseQuestion(question(least))).toMatchObject(least);
  });

  it.each<[string, unknown]>([
    ["null", null],
    ["a list", []],
    ["text", "why?"],
    ["57: no question", {}],
    ["57: an empty question", { query: "" }],
    ["57: white space only", { query: " \n" }],
    ["57: nothing that is seen", { query: "\u200b\u2060 \ufeff\u00ad\u{e0041}\ufe0f\0" }],
    ["57: a question that is too long", { query: "x".repeat(limits.questionCharsMax + 1) }],
    ["57: a lone surrogate", { query: "a\ud800" }],
    ["58: k = 0", question({ top_k: 0 })],
    ["58: k = -1", question({ top_k: -1 })],
    ["58: k = 1e9", question({ top_k: 1e9 })],
    ["58: k = '10'", question({ top_k: "10" })],
    ["58: k = 2.5", question({ top_k: 2.5 })],
    ["as of no time", question({ as_of: "yesterday" })],
    ["as of nothing", question({ as_of: 0 })],
    ["a staleness below zero", question({ max_staleness_ms: -1 })],
    ["a staleness of more than a day", question({ max_staleness_ms: limits.stalenessMsMax + 1 })],
    ["59: an unknown filter field", question({ filter: { tenant: "other" } })],
    ["59: a filter that is a list", question({ filter: ["id"] })],
    ["59: an unknown operator", question({ filter: { "metadata.a": { $regex: "(a+)+$" } } })],
    ["59: an empty range", question({ filter: { "metadata.a": {} } })],
    ["59: an empty list", question({ filter: { id: [] } })],
    ["59: a bound that is no number and no time", question({ filter: { timestamp: { gt: "x" } } })],
    ["59: null", question({ filter: { id: null } })],
    ["59: too many clauses", question({ filter: clauses(limits.filterClausesMax + 1) })],
    [
      "59: too many values",
      question({ filter: { id: Array.from({ length: limits.filterValuesMax + 1 }, String) } }),
    ],
    ["59: __proto__ as a field", JSON.parse('{"query":"x","filter":{"__proto__":"x"}}')],
    ["60: a negative min_seq", question({ min_seq: -1 })],
    ["60: min_seq as text", question({ min_seq: "5" })],
    ["60: min_seq above 2^53", question({ min_seq: 2 ** 53 })],
    ["62: a tenant in the body", question({ tenant: "other" })],
    ["a mode that is none", question({ mode: "chat" })],
    ["a wait above the bound", question({ wait_ms: limits.waitMsMax + 1 })],
    ["no deadline at all", question({ deadline_ms: 0 })],
    ["a deadline above the bound", question({ deadline_ms: limits.deadlineMsMax + 1 })],
    ["__proto__", JSON.parse('{"query":"x","__proto__":{"top_k":1}}')],
  ])("refuses %s", (_row, value) => {
    expect(refusal(value)).toMatchObject({
      code: "invalid_request",
      status: 400,
      retryable: false,
    });
  });

  it("refuses a filter whose texts are too long together, though each is short enough", () => {
    const texts = (chars: number) => Array.from({ length: 17 }, () => "x".repeat(chars));
    expect(refusal(question({ filter: { "metadata.a": texts(1_000) } })).message).toBe(
      "filter: its texts have more than 16384 characters together",
    );
    expect(parseQuestion(question({ filter: { "metadata.a": texts(900) } })).filter).toBeDefined();
  });

  it("names the field that is wrong, and repeats nothing of the question", () => {
    expect(refusal(question({ top_k: "10" })).message).toMatch(/^top_k: /);
    expect(refusal(question({ filter: { "anna@example.com": 1 } })).message).toMatch(/^filter: /);
    expect(refusal(question({ "anna@example.com": 1 })).message).toBe(
      "request: has a field that is not known",
    );
  });

  it.each(["topK", "top-k", "Top_K", "TOPK"])("says which field %s is likely to be", (name) => {
    expect(refusal(question({ [name]: 3 })).message).toBe(
      "request: has a field that is not known; did you mean top_k?",
    );
  });

  it("throws nothing but a FreshetError, whatever it is given", () => {
    const names = fc.constantFrom("query", "top_k", "filter", "min_seq", "mode", "x");
    fc.assert(
      fc.property(fc.dictionary(names, fc.jsonValue()), fc.jsonValue(), (fields, other) => {
        for (const value of [fields, other, question(fields)]) {
          try {
            parseQuestion(value);
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(FreshetError);
          }
        }
      }),
    );
  });
});

function clauses(count: number): Record<string, number> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`metadata.k${index}`, index]),
  );
}

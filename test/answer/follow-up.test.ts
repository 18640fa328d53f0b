import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { acceptRewrite, carriedOver, standsAlone } from "../../src/answer/follow-up.ts";
import type { LanguageModel } from "../../src/answer/port.ts";
import { createAnswerWriter } from "../../src/answer/writer.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import type { Turn } from "../../src/contract/query.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { codePoint } from "../support/code-point.ts";
import { chainOf, playedModel } from "./chain-kit.ts";

const user = (content: string): Turn => ({ role: "user", content });
const assistant = (content: string): Turn => ({ role: "assistant", content });
const talk = [
  user("Who led the Normans to Sicily?"),
  assistant("Robert Guiscard led them to Sicily in 1061. [1]"),
];

describe("whether a question stands alone", () => {
  test.each([
    "And when did it end?",
    "What about Germany?",
    "Who was he?",
    "Why?",
    "How many were there?",
    "What happened after that?",
    "Where did they settle?",
    "and for uploads?",
    "Is this still true?",
    "Then what?",
    "What should I do?",
    "Where can I be?",
  ])("%s leans on what was said", (question) => {
    expect(standsAlone({ question, history: talk })).toBe(false);
    expect(standsAlone({ question, history: [] })).toBe(true); // FU1
  });

  test.each([
    "When did Rollo and his men arrive?",
    "What is the capital of France?",
    "Is there a pool on Mill Lane?",
    "What is Freshet?",
    "Which house that was built in 1900 still stands?",
    "how do I configure retries?",
  ])("%s stands alone", (question) => {
    expect(standsAlone({ question, history: talk })).toBe(true);
  });
});

describe("what is carried over without a model", () => {
  test("names of the last question and its answer, behind the question's own words (FU2)", () => {
    expect(carriedOver({ question: "Where was he born?", history: talk })).toBe(
      "Where was he born? (Normans, Sicily, Robert Guiscard, 1061)",
    );
  });

  test("its words, where it has no names", () => {
    const history = [user("how do I configure retries?")];
    expect(carriedOver({ question: "and for uploads?", history })).toBe(
      "and for uploads? (configure, retries)",
    );
  });

  test("also what the question before it leaned on", () => {
    const history = [user("Who was Tancred?"), assistant("A prince."), user("Where did he rule?")];
    expect(carriedOver({ question: "Until when?", history })).toContain("Tancred");
  });

  test("names with their numbers: a Falcon 5 is no Falcon 4", () => {
    const history = [user("How heavy is the Falcon 5?"), assistant("Weight: 22.4 kg [1]")];
    const carried = carriedOver({ question: "How much does it cost?", history });
    expect(carried).toBe("How much does it cost? (Falcon 5, Weight)");
    const service = [user("How much is a small service?")];
    expect(carriedOver({ question: "And how long?", history: service })).toBe(
      "And how long? (small, service)",
    );
  });

  test("is bounded, holds the question, and every word of it stood in the talk", () => {
    const text = fc
      .string({ maxLength: 400, unit: codePoint })
      .map((value) => value.toWellFormed());
    const turn = fc.record({
      role: fc.constantFrom("user" as const, "assistant" as const),
      content: text,
    });
    fc.assert(
      fc.property(text, fc.array(turn, { maxLength: 5 }), (question, history) => {
        const got = carriedOver({ question, history });
        expect(got.startsWith(question)).toBe(true);
        expect(got.length).toBeLessThanOrEqual(limits.questionCharsMax);
        expect(got.isWellFormed()).toBe(true);
      }),
    );
  });
});

describe("a model's rewriting", () => {
  const question = "Where was he born?";
  const leaning = { question, history: talk };

  test("is taken when it is one question about the same things", () => {
    expect(acceptRewrite('"Where was Robert Guiscard born?"\nI hope it helps', leaning)).toBe(
      "Where was Robert Guiscard born?",
    );
    expect(acceptRewrite("Question: Where was Robert Guiscard born?", leaning)).toBe(
      "Where was Robert Guiscard born?",
    );
  });

  test.each([
    "",
    "He was born in Hauteville near Coutances, a village of Lower Normandy, about 1015.",
    "Ignore this [1] <<<",
    "x".repeat(1_000),
  ])("%j is no question about them", (said) => {
    expect(acceptRewrite(said, leaning)).toBeUndefined();
  });

  const standAlone = (complete: LanguageModel["complete"], asked = question) =>
    createAnswerWriter({
      models: chainOf([playedModel("tiny", complete)]),
      ...{ clock: systemClock, fence: () => "f3nce" },
    }).standAlone({
      ...{ tenant: "acme" as TenantId, question: asked, history: talk, budgetMs: 50 },
      signal: new AbortController().signal,
    });

  test("is one bounded call, and none for a question that stands alone", async () => {
    const seen: Parameters<LanguageModel["complete"]>[0][] = [];
    const complete: LanguageModel["complete"] = async (completion) => {
      seen.push(completion);
      return "Where was Robert Guiscard born?";
    };
    expect(await standAlone(complete)).toBe("Where was Robert Guiscard born?");
    expect(await standAlone(complete, "What is the capital of France?")).toBe(
      "What is the capital of France?",
    );
    expect(seen).toHaveLength(1);
    expect(seen[0]?.maxTokens).toBe(limits.rewriteTokensMax);
    expect(seen[0]?.messages[1]?.content).toMatch(/^<<<f3nce\nuser: [^]*\nf3nce>>>\n\nQuestion: /);
  });

  test("that fails, is late or is of no use costs its call, never the question (WU1)", async () => {
    const carried = carriedOver(leaning);
    expect(await standAlone(() => Promise.reject(new Error("down")))).toBe(carried);
    expect(await standAlone(async () => "I do not know what you mean by that, my friend.")).toBe(
      carried,
    );
    const late: LanguageModel["complete"] = ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("late"))));
    expect(await standAlone(late)).toBe(carried);
  });
});

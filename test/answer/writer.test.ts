import { describe, expect, test } from "vitest";
import type { Completion, LanguageModel } from "../../src/answer/port.ts";
import { brokenOff, createAnswerWriter } from "../../src/answer/writer.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { type Metrics, silentMetrics } from "../../src/contract/observation.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { chainOf, playedModel } from "./chain-kit.ts";
import { sources } from "./sources.ts";

const known = sources(
  "Cats sleep most of the day.",
  "The watermark moves after the read back succeeded.",
);
const question = "When does the watermark move?";

const modelThat = (complete: (completion: Completion) => Promise<string>): LanguageModel =>
  playedModel("tiny", complete);

/** A model that says these pieces, and fails in the end if told to. */
const speaking = (pieces: readonly string[], fails = false): LanguageModel =>
  modelThat(async ({ onText }) => {
    for (const piece of pieces) onText?.(piece);
    if (fails) throw new FreshetError("model_unavailable", undefined, { details: { status: 500 } });
    return pieces.join("");
  });

async function write(
  model?: LanguageModel,
  options: { metrics?: Metrics; signal?: AbortSignal; budgetMs?: number } = {},
) {
  const { metrics = silentMetrics, signal = new AbortController().signal } = options;
  const writer = createAnswerWriter({
    models: model && chainOf([model], { metrics }),
    clock: systemClock,
    fence: () => "f3nce",
  });
  const heard: string[] = [];
  const onText = (text: string): void => void heard.push(text);
  const { budgetMs = 60_000 } = options;
  const tenant = "acme" as TenantId;
  const asked = {
    tenant,
    mayKeep: true,
    question,
    sources: known,
    maxTokens: 50,
    signal,
    budgetMs,
  };
  const written = await writer.write({ ...asked, onText });
  expect(heard.join("")).toBe(written.answer); // AW2, on every path
  return written;
}

describe("answer writer", () => {
  test("the model's words are the answer, and the reply names it", async () => {
    const written = await write(
      speaking([" The watermark moves", " after the read back [", "2]."]),
    );
    expect(written).toEqual({
      answer: "The watermark moves after the read back [2].",
      llm: "tiny",
      model: "tiny",
    });
  });

  test("AW1: markers of sources that do not exist never leave", async () => {
    const { answer } = await write(speaking(["It moves [9", "9] later [2]", " ![x](http://e/)."]));
    expect(answer).toBe("It moves later [2].");
  });

  test("an answer that cites nothing gets the sources that say the same", async () => {
    const { answer } = await write(speaking(["The watermark moves after the read back."]));
    expect(answer).toBe("The watermark moves after the read back. [2]");
  });

  test("a model that does not stream is checked all the same", async () => {
    const { answer } = await write(modelThat(async () => "It moves [7] then [2]."));
    expect(answer).toBe("It moves then [2].");
  });

  test("a model that falls into a loop is ended, and what it said once is the answer", async () => {
    let isEnded = false;
    const loop = modelThat(async ({ onText, signal }) => {
      for (let count = 0; count < 100 && !signal.aborted; count += 1) {
        onText?.("The watermark moves after the read back [2]. ");
      }
      isEnded = signal.aborted;
      throw new FreshetError("cancelled");
    });
    expect(await write(loop)).toEqual({
      answer: "The watermark moves after the read back [2]. ",
      llm: "tiny",
      model: "tiny",
    });
    expect(isEnded).toBe(true);
  });

  test("without a model the answer is cited sentences", async () => {
    expect(await write()).toEqual({
      answer: "The watermark moves after the read back succeeded. [2]",
      llm: "extractive",
    });
  });

  test("AW3: a model that fails or says nothing is replaced, and the failure is counted", async () => {
    const counted: unknown[][] = [];
    const metrics: Metrics = { ...silentMetrics, count: (...args) => void counted.push(args) };
    const passed = (reason: string) => [{ endpoint: "tiny", reason }];
    const expected = await write();
    expect(await write(speaking([], true), { metrics })).toEqual({
      ...{ ...expected, passed: passed("error") },
    });
    expect(await write(speaking([" \n"]), { metrics })).toEqual({
      ...{ ...expected, passed: passed("empty") },
    });
    const errors = counted.filter(([name]) => name === "language_model_errors_total");
    expect(errors).toEqual(Array(2).fill(["language_model_errors_total", { model: "tiny" }]));
  });

  test("AW3: a model that breaks off is completed by sentences, and the answer says so", async () => {
    const { answer, llm } = await write(speaking(["The watermark", " moves [2"], true));
    expect(llm).toBe("extractive");
    expect(answer).toBe(
      `The watermark moves\n\n${brokenOff}\n\nThe watermark moves after the read back succeeded. [2]`,
    );
  });

  test("AW3: a model that takes longer than its budget is ended, and sentences take its place", async () => {
    const slow = modelThat(
      ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(new FreshetError("cancelled")));
        }),
    );
    expect(await write(slow, { budgetMs: 5 })).toEqual({
      ...(await write()),
      passed: [{ endpoint: "tiny", reason: "deadline" }],
    });
  });

  test("a question whose caller has gone is cancelled, not answered", async () => {
    const caller = new AbortController();
    const model = modelThat(async () => {
      caller.abort();
      throw new FreshetError("cancelled");
    });
    const work = write(model, { signal: caller.signal });
    await expect(work).rejects.toMatchObject({ code: "cancelled" });
    await expect(write(undefined, { signal: caller.signal })).rejects.toMatchObject({
      code: "cancelled",
    });
  });

  test("the model sees redacted question and fenced sources only", async () => {
    let seen: Completion | undefined;
    await write(
      modelThat(async (completion) => {
        seen = completion;
        return "ok [1]";
      }),
    );
    expect(seen?.maxTokens).toBe(50);
    expect(seen?.messages.map(({ role }) => role)).toEqual(["system", "user"]);
    expect(seen?.messages[1]?.content).toMatch(
      /^\[1\] <<<f3nce\nCats[^]*\nf3nce>>>\n\[2\] <<<f3nce\n[^]*\nf3nce>>>\n\nNow: .*\nQuestion: When/,
    );
  });
});

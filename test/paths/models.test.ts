import { afterEach, describe, expect, it } from "vitest";
import type { ChatMessage, Completion, LanguageModel } from "../../src/answer/port.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { type Answer, parseQuestion } from "../../src/contract/query.ts";
import type { Quota } from "../../src/contract/quota.ts";
import { countingMetrics } from "../support/counting-metrics.ts";
import {
  type MemoryEngine,
  type MemoryEngineOptions,
  startMemoryEngine,
} from "../support/memory-engine.ts";

const tenant = "models" as TenantId;
const text =
  "The harbour crane was built in 1902. It lifts four tonnes. It is green. It never rests.";
const history = [
  { role: "user", content: "Who designed the harbour crane?" },
  { role: "assistant", content: "Ada Finch. [1]" },
];

const engines: MemoryEngine[] = [];
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.stop()));
});

async function started(options: MemoryEngineOptions): Promise<MemoryEngine> {
  const engine = startMemoryEngine({ partitions: 1, ...options });
  engines.push(engine);
  const payload = new TextEncoder().encode(JSON.stringify({ id: "crane", text }));
  await engine.log.docs.publish({ tenant, payload });
  return engine;
}

function playing(complete: (completion: Completion) => Promise<string>): LanguageModel {
  return { name: "tiny", model: "tiny-1b", complete, ping: async () => {}, close: async () => {} };
}

const speaking = playing(async ({ messages, onUsage }) => {
  const isRewrite = messages[0]?.content.startsWith("You are given a conversation") === true;
  onUsage?.(isRewrite ? { prompt: 100, completion: 10 } : { prompt: 1_000, completion: 30 });
  return isRewrite ? "When was the harbour crane built?" : "It was built in 1902 [1].";
});

async function ask(engine: MemoryEngine, more: object = {}): Promise<Answer> {
  const minSeq = await engine.log.docs.lastVersion(tenant);
  const asked = { query: "When was the harbour crane built?", min_seq: minSeq, wait_ms: 20_000 };
  const question = parseQuestion({ ...asked, ...more });
  return engine.service.ask({ tenant, question, signal: new AbortController().signal });
}

describe("what a reply says of models", () => {
  it("names the model and adds up the tokens of rewriting and answering", async () => {
    const engine = await started({ model: speaking });
    const answer = await ask(engine, { query: "And when was it built?", history });
    expect(answer).toMatchObject({
      coverage: { llm: "tiny" },
      model: "tiny-1b",
      usage: { prompt_tokens: 1_100, completion_tokens: 40 },
    });
    expect(answer).not.toHaveProperty("fallback");
    expect(answer.usage).not.toHaveProperty("estimated");
    expect((await engine.service.usage(tenant)).model_tokens_today).toBe(1_140);
    const search = await ask(engine, { mode: "search" });
    for (const field of ["model", "usage", "fallback"]) expect(search).not.toHaveProperty(field);
  });

  it("says why sentences of the sources stand in for it, and counts that (I12)", async () => {
    const metrics = countingMetrics();
    const model = playing(() => {
      const details = { status: 429, retry_after_ms: 60_000 };
      throw new FreshetError("model_unavailable", undefined, { details });
    });
    const engine = await started({ model, metrics });
    const first = await ask(engine);
    expect(first.coverage.llm).toBe("extractive");
    expect(first.fallback).toEqual({
      reason: "rate_limited",
      passed: [{ endpoint: "tiny", reason: "rate_limited" }],
    });
    expect(first.usage).toMatchObject({ prompt_tokens: 0, completion_tokens: 0 });
    expect((await ask(engine)).fallback?.reason).toBe("resting");
    expect(metrics.counted("language_model_fallbacks_total", { reason: "resting" })).toBe(1);
  });

  it("says that a model's tokens were used up, also of the kept answer (AW5)", async () => {
    const model = playing(async ({ onCut }) => {
      onCut?.();
      return "It was built in 1902 [1]. Then";
    });
    const engine = await started({ model });
    for (const kept of ["miss", "hit"]) {
      const { cache, finish_reason } = await ask(engine);
      expect([cache?.answer, finish_reason]).toEqual([kept, "length"]);
    }
    expect(await ask(await started({ model: speaking }))).not.toHaveProperty("finish_reason");
  });

  it("a follow-up asks its quotas once: one refusal is counted, and one turn is taken (QI1)", async () => {
    let quota: Quota = { model_tokens_per_day: 0 };
    const metrics = countingMetrics();
    const engine = await started({ model: speaking, metrics, quota: () => quota });
    const asked = { query: "And when was it built?", history };
    const refused = await ask(engine, asked);
    expect(refused.coverage).toMatchObject({ llm: "extractive", llm_reason: "quota_exceeded" });
    expect(refused.fallback).toEqual({ reason: "quota_exceeded", passed: [] });
    expect(metrics.counted("quota_refused_total")).toBe(1);
    quota = { model_questions_at_once: 1 };
    expect((await ask(engine, asked)).coverage.llm).toBe("tiny");
    expect((await engine.service.usage(tenant)).left).toEqual({ model_questions_at_once: 1 });
  });

  it("says nothing of models where there is none, whatever its quotas are", async () => {
    const engine = await started({ quota: () => ({ model_questions_at_once: 0 }) });
    const answer = await ask(engine);
    expect(answer.coverage).toEqual({ hot: "complete", cold: "empty", llm: "extractive" });
    for (const field of ["model", "fallback"]) expect(answer).not.toHaveProperty(field);
    expect(answer.usage).toEqual({ prompt_tokens: 0, completion_tokens: 0, cost: 0 });
  });

  it("a question above those at a time is answered without a model, and says so", async () => {
    const begun = Promise.withResolvers<void>();
    const ends = Promise.withResolvers<string>();
    const model = playing(() => {
      begun.resolve();
      return ends.promise;
    });
    const engine = await started({ model, quota: () => ({ model_questions_at_once: 1 }) });
    const first = ask(engine);
    await begun.promise;
    const second = await ask(engine, { query: "What colour is the harbour crane?" });
    expect(second.coverage).toMatchObject({ llm: "extractive", llm_reason: "quota_exceeded" });
    ends.resolve("It was built in 1902 [1].");
    expect((await first).coverage.llm).toBe("tiny");
    expect((await engine.service.usage(tenant)).left).toEqual({ model_questions_at_once: 1 });
  });
});

describe("a tenant's defaults for its answers", () => {
  it("stand where a question says nothing, redacted, and its operator's wishes always (I10)", async () => {
    const seen: (readonly ChatMessage[])[] = [];
    const model = playing(async ({ messages }) => {
      seen.push(messages);
      return "It was built in 1902 [1].";
    });
    const answers = {
      instructions: "Sign as jane.doe@example.com",
      language: "de",
      max_sentences: 2,
    };
    const engine = await started({ model, answers: () => answers });
    await ask(engine);
    await ask(engine, { instructions: "In rhymes.", language: "fr", max_sentences: 4 });
    const [first = [], second = []] = seen.map((each) => each.map(({ content }) => content));
    expect(first[0]).toContain("Sign as [EMAIL:");
    expect(second[0]).toBe(first[0]);
    expect(first[1]).toMatch(/at most 2 sentences\.\n.*language with the tag de\.\nQuestion/);
    expect(second[1]).toMatch(/at most 4 sentences\.\n.*tag fr\.\n[^]*In rhymes\./);
  });

  it("bound the sentences of an answer without a model, too", async () => {
    let most = 1;
    const engine = await started({ answers: () => ({ max_sentences: most }) });
    const query = "When was the harbour crane built and how many tonnes does it lift?";
    const cited = async (more = {}) => (await ask(engine, { query, ...more })).citations?.length;
    expect(await cited()).toBe(1);
    expect(await cited({ max_sentences: 3 })).toBeGreaterThan(1);
    most = 3;
    expect(await cited()).toBeGreaterThan(1);
  });
});

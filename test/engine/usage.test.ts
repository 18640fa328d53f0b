import { describe, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { tenantId } from "../../src/contract/ids.ts";
import type { Quota } from "../../src/contract/quota.ts";
import { admitAtOwner, admitHere } from "../../src/engine/usage.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { startMemoryEngine } from "../support/memory-engine.ts";
import { quotasForAll } from "../support/quotas.ts";

const acme = tenantId("acme");
const user = { tenant: acme, credential: "env" };
const encode = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

function nodeOf(quota: Quota, isOwner: boolean) {
  const quotas = quotasForAll(() => quota, { clock: createManualClock() });
  const more = { held: () => ({ chunks: 0, hotBytes: 0 }), refusalOfMore: () => undefined };
  return { quotas, isOwner: () => isOwner, ...more } as unknown as Parameters<typeof admitHere>[0];
}

const codeOf = (work: Promise<void>): Promise<string> =>
  work.then(
    () => "admitted",
    (thrown: FreshetError) => thrown.code,
  );

describe("a publish with a quota", () => {
  it("EU1: is decided at the owner alone: two nodes together admit what one does", async () => {
    const owner = nodeOf({ documents_per_second: 10 }, true);
    const other = nodeOf({ documents_per_second: 10 }, false);
    const askOwner = async () => admitHere(owner, user, 100);
    const outcomes: string[] = [];
    for (let count = 0; count < 40; count += 1) {
      const node = count % 2 === 0 ? owner : other;
      outcomes.push(await codeOf(admitAtOwner(node, { user, bytes: 100, askOwner })));
    }
    expect(outcomes.filter((outcome) => outcome === "admitted")).toHaveLength(10);
    expect(outcomes.filter((outcome) => outcome === "quota_exceeded")).toHaveLength(30);
  });

  it("EU2: needs no owner: while none answers the node decides by its own meters (I1)", async () => {
    const node = nodeOf({ documents_per_second: 3 }, false);
    const askOwner = () => Promise.reject(new FreshetError("not_ready"));
    const outcomes: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      outcomes.push(await codeOf(admitAtOwner(node, { user, bytes: 1, askOwner })));
    }
    expect(outcomes.filter((outcome) => outcome === "admitted")).toHaveLength(3);
  });

  it("asks nobody where nothing is limited", async () => {
    const askOwner = () => Promise.reject(new Error("it was asked"));
    const node = nodeOf({ questions_per_second: 1 }, false);
    expect(await codeOf(admitAtOwner(node, { user, bytes: 1, askOwner }))).toBe("admitted");
  });
});

describe("an engine with quotas", () => {
  it("refuses documents and questions above them, lets deletes pass, and tells what is left", async () => {
    let quota: Quota = {};
    const clock = createManualClock();
    const engine = startMemoryEngine({ quota: () => quota });
    try {
      const { service } = engine;
      const text = "the spare key hangs in the barn";
      const first = await service.publish(acme, { payload: encode({ id: "a", text }) });
      await engine.event(first.seq);
      quota = { documents_per_second: 0.001, questions_per_second: 0.001, stored_chunks: 5 };
      const second = await service.publish(acme, { payload: encode({ id: "b", text }) });
      await engine.event(second.seq);
      const refused = service.publish(acme, { payload: encode({ id: "c", text }) });
      await expect(refused).rejects.toMatchObject({
        code: "quota_exceeded",
        details: { quota: "documents_per_second" },
      });
      const gone = encode({ op: "delete", id: "b" });
      const deleted = await service.publish(acme, { payload: gone, isDelete: true });
      expect(await engine.event(deleted.seq)).toMatchObject({ status: "deleted" });
      const ask = () =>
        service.ask({
          tenant: acme,
          signal: new AbortController().signal,
          question: {
            ...{ query: "spare key", top_k: 3, max_tokens: 50, mode: "search", stream: false },
            ...{ wait_ms: 5_000, deadline_ms: 10_000 },
          },
        });
      expect((await ask()).sources).toMatchObject([{ id: "a" }]);
      await expect(ask()).rejects.toMatchObject({ details: { quota: "questions_per_second" } });
      const usage = await service.usage(acme);
      expect(usage).toMatchObject({
        ...{ tenant: acme, documents: 1, stored_chunks: 1, quota },
        last_minute: { documents: 3, questions: 1 },
        left: { stored_chunks: 4 },
      });
      expect(usage.left.questions_per_second).toBeLessThan(0.1);
      quota = { stored_chunks: 1 };
      const full = service.publish(acme, { payload: encode({ id: "d", text }) });
      await expect(full).rejects.toMatchObject({ details: { quota: "stored_chunks" } });
    } finally {
      await engine.stop();
    }
    expect(clock.sleeping).toBe(0);
  });

  it("answers with sentences of the sources when the day's tokens are used up, and says so (I12)", async () => {
    let calls = 0;
    const model = {
      name: "scripted",
      complete: async () => {
        calls += 1;
        return "It hangs in the barn [1].";
      },
      ping: async () => {},
      close: async () => {},
    };
    const engine = startMemoryEngine({ model, quota: () => ({ model_tokens_per_day: 10 }) });
    try {
      const text = "The spare key hangs in the barn.";
      const { seq } = await engine.service.publish(acme, { payload: encode({ id: "a", text }) });
      const ask = (query: string) =>
        engine.service.ask({
          tenant: acme,
          signal: new AbortController().signal,
          question: {
            ...{ query, top_k: 3, max_tokens: 50, mode: "answer", stream: false, min_seq: seq },
            ...{ wait_ms: 5_000, deadline_ms: 10_000 },
          },
        });
      const first = await ask("where does the spare key hang");
      expect(first.coverage).toEqual({ hot: "complete", cold: "empty", llm: "scripted" });
      const second = await ask("where is the spare key kept");
      expect(second.coverage).toMatchObject({ llm: "extractive", llm_reason: "quota_exceeded" });
      expect(second.answer).toContain("The spare key hangs in the barn.");
      // What a model wrote before costs no tokens, and is still given.
      const again = await ask("where does the spare key hang");
      expect(again.coverage).toEqual(first.coverage);
      expect(calls).toBe(1);
      const { left, model_tokens_today: today } = await engine.service.usage(acme);
      expect(left).toEqual({ model_tokens_per_day: 0 });
      const { prompt_tokens = 0, completion_tokens = 0 } = first.usage ?? {};
      expect(today).toBe(prompt_tokens + completion_tokens);
      expect(again.usage).toEqual({ prompt_tokens: 0, completion_tokens: 0, cost: 0 });
    } finally {
      await engine.stop();
    }
  });
});

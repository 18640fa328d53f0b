import { expect, it } from "vitest";
import type { WriteRequest, Written } from "../../src/answer/port.ts";
import { declined } from "../../src/answer/prompt.ts";
import { createKeptAnswers } from "../../src/answer/writer-cache.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { silentMetrics } from "../../src/contract/observation.ts";
import { codeOf } from "../support/promises.ts";
import { sources } from "./sources.ts";

const known = sources("Cats sleep.", "The watermark moves.");

type Write = (request: WriteRequest) => Promise<Written>;

const saying =
  (...pieces: readonly string[]): Write =>
  async ({ onText }) => {
    for (const piece of pieces) onText?.(piece);
    return { answer: pieces.join(""), llm: "tiny", model: "tiny-1b" };
  };

function setUp(write: Write = saying("It moves", " [2].")) {
  let nowMs = 0;
  const calls: WriteRequest[] = [];
  const now = (): number => nowMs;
  const writer = createKeptAnswers({
    writer: {
      standAlone: ({ question }) => Promise.resolve(question),
      write: (request) => {
        calls.push(request);
        return write(request);
      },
    },
    ...{ models: "tiny", metrics: silentMetrics, clock: { monotonicMs: now } },
    kept: { bytesMax: 100_000, ownerBytesMax: 50_000, keptMs: 300_000, now },
  });
  const ask = (options: Partial<WriteRequest> = {}, caller = new AbortController()) => {
    const heard: string[] = [];
    const written = writer.write({
      ...{ tenant: "acme" as TenantId, mayKeep: true, question: "When?", sources: known },
      ...{ maxTokens: 50, budgetMs: 1_000, signal: caller.signal },
      onText: (text) => heard.push(text),
      ...options,
    });
    written.catch(() => {});
    return { written, heard, caller };
  };
  const forget = () => writer.forget?.("acme" as TenantId);
  return { ask, calls, forget, pass: (ms: number) => (nowMs += ms) };
}

it("WK1, WK3: the same question over the same sources is answered once, in the same pieces", async () => {
  const { ask, calls } = setUp();
  expect((await ask().written).kept).toBe("miss");
  const again = ask();
  expect(await again.written).toEqual({
    ...{ answer: "It moves [2].", llm: "tiny", model: "tiny-1b", kept: "hit" },
  });
  expect(again.heard).toEqual(["It moves", " [2]."]);
  expect(calls).toHaveLength(1);
});

it("WK1: readers with other groups are answered anew, also over the same sources", async () => {
  const { ask, calls } = setUp();
  const readers = [undefined, "one", "other", "one", undefined];
  const kept = [];
  for (const reader of readers) kept.push((await ask({ reader }).written).kept);
  expect(kept).toEqual(["miss", "miss", "miss", "hit", "hit"]);
  expect(calls).toHaveLength(3);
});

it("WK1: sources that are another version of the same texts still hit; any other text does not", async () => {
  const { ask, calls } = setUp();
  await ask().written;
  const moved = known.map((source) => ({ ...source, version: 77, shard: "cold" as const }));
  expect((await ask({ sources: moved }).written).kept).toBe("hit");
  const long = "a".repeat(20_000);
  const others: Partial<WriteRequest>[] = [
    { question: "Why?" },
    { maxTokens: 51 },
    { tenant: "globex" as TenantId },
    { sources: known.toReversed() },
    { sources: known.slice(0, 1) },
    { sources: known.map((source) => ({ ...source, title: "Moves" })) },
    { sources: known.map((source) => ({ ...source, timestamp: "2026-11-29T00:00:00Z" })) },
    // Longer than the prompt shows: citations that are added look at the whole text.
    { sources: sources(`${long} b`) },
    { sources: sources(`${long} c`) },
  ];
  for (const other of others) expect((await ask(other).written).kept).toBe("miss");
  expect(calls).toHaveLength(1 + others.length);
});

it("WK1: an answer is kept for its time and no longer", async () => {
  const { ask, pass } = setUp();
  await ask().written;
  pass(299_999);
  expect((await ask().written).kept).toBe("hit");
  pass(1);
  expect((await ask().written).kept).toBe("miss");
});

it("WK2: a refusal, and what another hand finished, are not kept", async () => {
  const finishedByHand: Write = async () => ({ answer: "Cats sleep [1].", llm: "extractive" });
  for (const write of [saying(`${declined}.`), finishedByHand]) {
    const { ask } = setUp(write);
    await ask().written;
    expect((await ask().written).kept).toBe("miss");
  }
});

it("WK2: an answer that fails is not kept, and is no other caller's later", async () => {
  let calls = 0;
  const { ask } = setUp(async (request) => {
    calls += 1;
    if (calls === 1) throw new FreshetError("internal");
    return saying("fine")(request);
  });
  expect(await codeOf(ask().written)).toBe("internal");
  expect(await ask().written).toMatchObject({ answer: "fine", kept: "miss" });
});

it("a question that wants none of it is written anew and leaves nothing behind", async () => {
  const { ask, calls } = setUp();
  expect((await ask({ mayKeep: false }).written).kept).toBe("off");
  expect((await ask().written).kept).toBe("miss");
  expect((await ask({ mayKeep: false }).written).kept).toBe("off");
  expect(calls).toHaveLength(3);
});

function slowly() {
  const gate = Promise.withResolvers<void>();
  const begun: WriteRequest[] = [];
  const write: Write = async (request) => {
    begun.push(request);
    request.onText?.("It ");
    await gate.promise;
    if (request.signal.aborted) throw new FreshetError("cancelled");
    request.onText?.("moves.");
    return { answer: "It moves.", llm: "tiny", model: "tiny-1b" };
  };
  return { gate, begun, write };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

it("WK4: those that ask at once share one call, and a latecomer hears it from the first piece", async () => {
  const { gate, begun, write } = slowly();
  const { ask } = setUp(write);
  const first = ask();
  await turn();
  const late = ask();
  await turn();
  expect(late.heard).toEqual(["It "]);
  gate.resolve();
  expect(await first.written).toMatchObject({ answer: "It moves.", kept: "miss" });
  expect(await late.written).toMatchObject({ answer: "It moves.", kept: "hit" });
  expect([first.heard, late.heard]).toEqual([
    ["It ", "moves."],
    ["It ", "moves."],
  ]);
  expect(begun).toHaveLength(1);
});

it("WK4: the caller that began leaves; the others get the answer, and it is kept", async () => {
  const { gate, begun, write } = slowly();
  const { ask } = setUp(write);
  const [first, second] = [ask(), ask()];
  await turn();
  first.caller.abort();
  expect(await codeOf(first.written)).toBe("cancelled");
  gate.resolve();
  expect((await second.written).answer).toBe("It moves.");
  expect(first.heard).toEqual(["It "]);
  expect((await ask().written).kept).toBe("hit");
  expect(begun).toHaveLength(1);
});

it("WK4: when all have left the model is stopped, and nothing is kept", async () => {
  const { gate, begun, write } = slowly();
  const { ask } = setUp(write);
  const [first, second] = [ask(), ask()];
  await turn();
  first.caller.abort();
  second.caller.abort();
  await turn();
  expect(begun[0]?.signal.aborted).toBe(true);
  const third = ask();
  gate.resolve();
  expect(await third.written).toMatchObject({ answer: "It moves.", kept: "miss" });
  expect(begun).toHaveLength(2);
});

it("WK4: who has less time than the answer under way may take writes for itself", async () => {
  const { gate, begun, write } = slowly();
  const { ask, pass } = setUp(write);
  const first = ask({ budgetMs: 1_000 });
  pass(500);
  const hurried = ask({ budgetMs: 100 });
  const patient = ask({ budgetMs: 500 });
  await turn();
  gate.resolve();
  await Promise.all([first.written, hurried.written, patient.written]);
  expect(begun.map(({ budgetMs }) => budgetMs)).toEqual([1_000, 100]);
});

it("WK2: an answer that was under way when its tenant was forgotten is not kept (LF2)", async () => {
  const { gate, begun, write } = slowly();
  const { ask, forget } = setUp(write);
  const first = ask();
  await turn();
  forget();
  gate.resolve();
  expect(await first.written).toMatchObject({ answer: "It moves.", kept: "miss" });
  expect((await ask().written).kept).toBe("miss");
  expect(begun).toHaveLength(2);
  expect((await ask().written).kept).toBe("hit");
});

import { expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import type { QuestionNamesLane } from "../../src/text/names.ts";
import { codeOf } from "../support/promises.ts";
import { axis, deletion, quiet, until, upsert } from "./kit.ts";
import {
  candidatesPerShard,
  coldHit,
  coldSearchMs,
  graceMs,
  namesOf,
  startQuestions,
} from "./question-kit.ts";

const search = { mode: "search" };
const never = () => new Promise<never>(() => {});

it("Q1, I5: a document that moves or changes while cold is searched is seen once, in its newest version", async () => {
  const gate = Promise.withResolvers<void>();
  const { load, apply, ask, searches } = startQuestions({
    search: async () => {
      await gate.promise;
      return [coldHit("changes", 1), coldHit("goes", 2), coldHit("stays", 3)];
    },
  });
  load(5, [
    ["changes", 1],
    ["goes", 2],
    ["stays", 3],
  ]);
  const { promise } = ask(search);
  await until(() => searches.length === 1);
  apply(upsert({ id: "changes", position: 6 }), deletion("goes", 7));
  gate.resolve();
  expect(namesOf(await promise)).toEqual(["changes@6 hot", "stays@3 cold"]);
});

it("I4: an older version, a deleted document and a resurrected object in cold are never answered", async () => {
  const { load, ask } = startQuestions({
    search: async () => [
      coldHit("live", 3),
      coldHit("live", 2),
      coldHit("gone", 1),
      coldHit("unknown", 4),
    ],
  });
  load(5, [["live", 3]]);
  expect(namesOf(await ask(search).promise)).toEqual(["live@3 cold"]);
});

it("Q2: when hot drops past the watermark meanwhile, cold is searched again", async () => {
  const gate = Promise.withResolvers<void>();
  const { load, apply, merge, ask, searches, clock } = startQuestions({
    search: async (_query, call) => {
      if (call === 1) await gate.promise;
      return call === 1 ? [] : [coldHit("moved", 6)];
    },
  });
  load(5);
  apply(upsert({ id: "moved", position: 6 }));
  const { promise } = ask(search);
  await until(() => searches.length === 1);
  merge(6, 2);
  await quiet();
  await clock.advance(graceMs);
  gate.resolve();
  expect(namesOf(await promise)).toEqual(["moved@6 cold"]);
  expect(searches).toHaveLength(2);
});

it("Q2: once the first merge is adopted and hot has dropped it, cold answers", async () => {
  const { load, apply, merge, ask, clock } = startQuestions({
    search: async () => [coldHit("a", 1)],
  });
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  expect(namesOf(await ask(search).promise)).toEqual(["a@1 hot"]);
  merge(1, 1);
  await quiet();
  await clock.advance(graceMs);
  const answer = await ask(search).promise;
  expect(namesOf(answer)).toEqual(["a@1 cold"]);
  expect(answer.coverage.cold).toBe("complete");
});

it("Q3: asks cold for more while the heads hide what it found", async () => {
  const live = [
    ["a", 1],
    ["b", 1],
  ] as const;
  const stale = Array.from({ length: candidatesPerShard }, (_, chunk) => coldHit("old", 1, chunk));
  const all = [
    ...stale,
    ...stale.map((hit) => ({ ...hit, chunk: hit.chunk + 9 })),
    coldHit("a", 1),
    coldHit("b", 1),
  ];
  const { load, ask, searches } = startQuestions({
    search: async ({ limit }) => all.slice(0, limit),
  });
  load(5, live);
  expect(namesOf(await ask({ ...search, top_k: 2 }).promise)).toEqual(["a@1 cold", "b@1 cold"]);
  expect(searches.map(({ limit }) => limit / candidatesPerShard)).toEqual([1, 2, 4]);
  // What hid too much may be what has expired: from then on cold leaves that out itself.
  const told = searches.map(({ aliveAtMs }) => aliveAtMs !== undefined);
  expect(told).toEqual([false, true, true]);
});

it("Q3, I12: stops asking after its rounds and says so, and at once when cold has no more", async () => {
  const full = startQuestions({
    search: async ({ limit }) =>
      Array.from({ length: limit }, (_, chunk) => coldHit("old", 1, chunk)),
  });
  full.load(5);
  const partial = { code: "no_results", details: { coverage: "partial" } };
  await expect(full.ask(search).promise).rejects.toMatchObject(partial);
  expect(full.searches).toHaveLength(3);
  const small = startQuestions({ search: async () => [coldHit("old", 1)] });
  small.load(5);
  const complete = { code: "no_results", details: { coverage: "complete" } };
  await expect(small.ask(search).promise).rejects.toMatchObject(complete);
  expect(small.searches).toHaveLength(1);
});

it("Q5, I12: cold that is down costs its share and says so; hot answers", async () => {
  const { load, apply, ask } = startQuestions({
    search: () => Promise.reject(new FreshetError("cold_unavailable")),
  });
  load(5, [["merged", 1]]);
  apply(upsert({ id: "new", position: 6 }));
  const answer = await ask().promise;
  expect(namesOf(answer)).toEqual(["new@6 hot"]);
  expect(answer.coverage).toEqual({ hot: "complete", cold: "unavailable", llm: "hand" });
});

it("Q5, I12: a filter that hid too much of cold is said, also where nothing was found", async () => {
  const { load, apply, ask } = startQuestions({ isCut: true });
  load(5, [["merged", 1]]);
  expect(await codeOf(ask().promise)).toBe("no_results");
  apply(upsert({ id: "new", position: 6 }));
  const answer = await ask().promise;
  expect(answer.coverage).toEqual({ hot: "complete", cold: "partial", llm: "hand" });
});

it("Q6: a bug in cold is logged and fails the question: it is no outage", async () => {
  const bugs = [
    new FreshetError("internal", "a vector is broken"),
    new TypeError("no such method"),
  ];
  for (const bug of bugs) {
    const { load, apply, ask, errors } = startQuestions({ search: () => Promise.reject(bug) });
    load(5);
    apply(upsert({ id: "new", position: 6 }));
    expect(await codeOf(ask().promise)).toBe("internal");
    expect(errors).toEqual(["the search in cold broke an invariant"]);
  }
});

it("Q5, I12: cold that is silent is given up after its budget, not after the question's", async () => {
  const { load, apply, ask, searches, clock } = startQuestions({ search: never });
  load(5);
  apply(upsert({ id: "new", position: 6 }));
  const { promise } = ask({ ...search, deadline_ms: 10_000 });
  await until(() => searches.length === 1);
  await clock.advance(coldSearchMs);
  const answer = await promise;
  expect(answer.coverage.cold).toBe("timeout");
  expect(searches[0]?.signal?.aborted).toBe(true);
  expect(clock.monotonicMs()).toBe(coldSearchMs);
});

it("says that cold is empty before the first merge, without asking it", async () => {
  const { load, apply, ask, searches } = startQuestions();
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  expect((await ask(search).promise).coverage.cold).toBe("empty");
  expect(searches).toEqual([]);
});

it("finds nothing: a typed error that says what was covered, and the model is not asked", async () => {
  const { load, ask, writes } = startQuestions();
  load(5);
  await expect(ask().promise).rejects.toMatchObject({
    code: "no_results",
    details: { coverage: "complete", visible_seq: expect.any(Number) },
  });
  expect(writes).toEqual([]);
});

it("I12: nothing found while cold is away is not a final no: the error can be tried again", async () => {
  const { load, ask, writes } = startQuestions({
    search: () => Promise.reject(new FreshetError("cold_unavailable")),
  });
  load(5);
  await expect(ask().promise).rejects.toMatchObject({
    code: "cold_unavailable",
    retryable: true,
    details: { coverage: "unavailable", visible_seq: expect.any(Number) },
  });
  expect(writes).toEqual([]);
});

it("nothing found where cold lacks what was merged is no outage of Weaviate, and does not say so", async () => {
  const { load, ask } = startQuestions({ marker: async () => null });
  load(5);
  await expect(ask().promise).rejects.toMatchObject({
    code: "cold_unavailable",
    message: expect.stringContaining("lacks a part of what was merged"),
    details: { coverage: "stale" },
  });
});

it("search mode returns sources without asking the model", async () => {
  const { load, apply, ask, writes } = startQuestions();
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  const { answer, coverage, sources } = await ask(search).promise;
  expect([answer, coverage.llm, sources.length]).toEqual(["", "none", 1]);
  expect(writes).toEqual([]);
});

it("a question that is longer than the model's window is embedded in pieces, all of which count", async () => {
  const { load, ask, embeds, searches } = startQuestions({ embeds: false });
  load(1);
  const first = "tells of the weather at the harbour ".repeat(9).trim();
  const { promise } = ask({ ...search, query: `${first} and asks about zebras` });
  await until(() => embeds.length === 1);
  const texts = embeds[0]?.inputs.map(({ text }) => text) ?? [];
  expect(texts.length).toBe(2);
  expect(texts.join(" ")).toBe(`${first} and asks about zebras`);
  expect(texts.at(-1)).toMatch(/zebras$/);
  expect(embeds[0]?.inputs.every(({ tokens }) => tokens.length <= 64)).toBe(true);
  embeds[0]?.reply.resolve([axis(0), axis(1)]);
  await codeOf(promise);
  const [x, y] = searches[0]?.vector ?? [];
  expect([x, y]).toEqual([expect.closeTo(Math.SQRT1_2), expect.closeTo(Math.SQRT1_2)]);
});

it("I10: embedder, cold shard and model see the redacted question only", async () => {
  const { load, apply, ask, embeds, searches, writes } = startQuestions();
  load(5);
  apply(upsert({ id: "a", position: 6 }));
  await ask({ query: "what is the secret text" }).promise;
  const seen = [embeds[0]?.inputs[0]?.text, searches[0]?.text, writes[0]?.question];
  expect(seen).toEqual(Array(3).fill("what is the [redacted] text"));
});

it("I10: a question whose names cannot be looked for is refused before anything sees it", async () => {
  const names: QuestionNamesLane = {
    redact: (_tenant, texts) =>
      texts[0]?.text.includes("Jane") === true
        ? Promise.reject(new FreshetError("embedding_unavailable"))
        : Promise.resolve(texts.map(({ text }) => text.replaceAll("Wei", "[NAME]"))),
  };
  const { load, apply, ask, embeds, searches, writes } = startQuestions({ names });
  load(5);
  apply(upsert({ id: "a", position: 6 }));
  expect(await codeOf(ask({ query: "who is Jane" }).promise)).toBe("embedding_unavailable");
  expect([embeds, searches, writes]).toEqual([[], [], []]);
  await ask({ query: "who is Wei" }).promise;
  const seen = [embeds[0]?.inputs[0]?.text, searches[0]?.text, writes[0]?.question];
  expect(seen).toEqual(Array(3).fill("who is [NAME]"));
});

it("streams the sources first, then the words in order", async () => {
  const { load, apply, ask } = startQuestions({
    write: async ({ onText }) => {
      for (const word of ["it ", "is ", "so"]) onText?.(word);
      return { answer: "it is so", llm: "hand" };
    },
  });
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  const { promise, events } = ask();
  expect((await promise).answer).toBe("it is so");
  const said = events.map((event) => (event.type === "delta" ? event.text : event.type));
  expect(said).toEqual(["retrieval", "it ", "is ", "so"]);
});

it("ends at its deadline wherever it is: embedding, searching, writing", async () => {
  const embedding = startQuestions({ embeds: false });
  const searching = startQuestions({ search: never });
  const writing = startQuestions({
    write: ({ signal }) =>
      new Promise((_, fail) => {
        signal.addEventListener("abort", () => fail(new FreshetError("cancelled")));
      }),
  });
  searching.load(5);
  writing.load(0);
  writing.apply(upsert({ id: "a", position: 1 }));
  for (const { ask, clock } of [embedding, searching, writing]) {
    const { promise, answers } = ask({ deadline_ms: 100 });
    await quiet();
    await clock.advance(99);
    expect(answers()).toBe(0);
    await clock.advance(1);
    expect(await codeOf(promise)).toBe("deadline_exceeded");
  }
});

it("a caller who goes leaves no work behind, and the next question is taken", async () => {
  const { load, apply, ask, searches, clock } = startQuestions({
    search: (_query, call) => (call === 1 ? never() : Promise.resolve([])),
  });
  load(5);
  apply(upsert({ id: "a", position: 6 }));
  const { promise, caller } = ask(search);
  await until(() => searches.length === 1);
  caller.abort();
  expect(await codeOf(promise)).toBe("cancelled");
  expect(searches[0]?.signal?.aborted).toBe(true);
  expect(namesOf(await ask(search).promise)).toEqual(["a@6 hot"]);
  await quiet();
  expect(clock.sleeping).toBe(0);
});

it("I6: a tenant that went to another node while its question was embedded is not one without results", async () => {
  const { ask, embeds, partition } = startQuestions({ embeds: false, served: false });
  const { promise } = ask();
  await until(() => embeds.length === 1);
  partition.state = "waiting";
  embeds[0]?.reply.resolve([new Float32Array(8)]);
  expect(await codeOf(promise)).toBe("not_ready");
});

it("a question in hand when the node stops is not ready, not late: it may be asked again", async () => {
  const { actor, ask, embeds } = startQuestions({ embeds: false });
  const { promise } = ask();
  await until(() => embeds.length === 1);
  await actor.stop();
  expect(await codeOf(promise)).toBe("not_ready");
});

it("I8: a tenant whose first document is on its way is waited for; one that has none has no results", async () => {
  const { ask, log, partition, entry, load, apply, clock } = startQuestions({ served: false });
  expect(await codeOf(ask(search).promise)).toBe("no_results");
  const { seq } = await log.docs.publish({ tenant: entry.tenant, payload: new Uint8Array() });
  const { promise } = ask({ ...search, min_seq: seq });
  await quiet();
  partition.tenants.set(entry.tenant, entry);
  load(0);
  await clock.advance(10);
  apply(upsert({ id: "a", position: 1, version: seq }));
  expect(namesOf(await promise)).toEqual([`a@${seq} hot`]);
});

it("I8: a sequence of another tenant is satisfied once this tenant has seen all its own up to it", async () => {
  const { ask, log, entry, load, apply } = startQuestions();
  load(0);
  const mine = await log.docs.publish({ tenant: entry.tenant, payload: new Uint8Array() });
  const theirs = log.hooks.publishRaw("globex", new Uint8Array());
  const { promise, answers } = ask({ ...search, min_seq: theirs.version });
  await quiet();
  expect(answers()).toBe(0);
  apply(upsert({ id: "a", position: 1, version: mine.seq }));
  expect((await promise).visible_seq).toBe(mine.seq);
});

it("I8: a sequence of another incarnation of the log is refused, not waited for", async () => {
  const { ask, log, entry, load } = startQuestions();
  load(0);
  await log.docs.publish({ tenant: entry.tenant, payload: new Uint8Array() });
  expect(await codeOf(ask({ ...search, min_seq: 7 }).promise)).toBe("wrong_incarnation");
  // What the question did not say is not what was wrong with it.
  await expect(ask({ ...search, as_of: 1_796_036_400 }).promise).rejects.toMatchObject({
    code: "wrong_incarnation",
    message: expect.stringMatching(/^as_of .*RFC 3339/),
    details: { as_of: 1_796_036_400 },
  });
});

it("I8: a write that does not come in time is a typed timeout that says how far behind it is", async () => {
  const { ask, log, entry, load, clock } = startQuestions();
  load(0);
  const { seq } = await log.docs.publish({ tenant: entry.tenant, payload: new Uint8Array() });
  const { promise } = ask({ ...search, min_seq: seq, wait_ms: 50 });
  await quiet();
  await clock.advance(50);
  await expect(promise).rejects.toMatchObject({
    code: "not_visible_yet",
    details: { min_seq: seq, visible_seq: 0 },
  });
  const asOf = ask({ ...search, as_of: seq, wait_ms: 50 }).promise;
  await quiet();
  await clock.advance(50);
  await expect(asOf).rejects.toMatchObject({
    ...{ code: "not_visible_yet", message: expect.stringMatching(/^as_of /) },
    details: { as_of: seq, visible_seq: 0 },
  });
});

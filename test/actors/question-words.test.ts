import { expect, it } from "vitest";
import type { ColdQuery, ColdWords, WordsQuery } from "../../src/cold/port.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import { normalFilter } from "../../src/contract/filter.ts";
import { codeOf } from "../support/promises.ts";
import { axis, quiet, until, upsert } from "./kit.ts";
import { candidatesPerShard, coldHit, graceMs, namesOf, startQuestions } from "./question-kit.ts";

const search = { mode: "search" };
const list: ColdWords = { limit: candidatesPerShard };

/** What of a list a search was given. */
const wordsOf = (query: ColdQuery | undefined) => Promise.resolve(query?.words);

it("QB1: cold looks for words while the question is embedded, and the search gets its list", async () => {
  const begun: WordsQuery[] = [];
  const { load, ask, embeds, searches, wordsShares } = startQuestions({
    embeds: false,
    words: async (query) => {
      begun.push(query);
      return list;
    },
    search: async () => [coldHit("a", 1)],
  });
  load(5, [["a", 1]]);
  await quiet();
  const filter = { source: "reports" };
  const { promise } = ask({ ...search, query: "the secret text", filter });
  await until(() => embeds.length === 1);
  await until(() => begun.length === 1);
  expect(searches).toEqual([]);
  expect(begun[0]).toMatchObject({
    ...{ tenant: "acme", text: "the [redacted] text", limit: candidatesPerShard },
    ...{ filter: normalFilter(filter), access: undefined, hasSparse: false },
  });
  embeds[0]?.reply.resolve([axis(0)]);
  expect(namesOf(await promise)).toEqual(["a@1 cold"]);
  expect(await wordsOf(searches[0])).toBe(list);
  await until(() => wordsShares.held === 0);
});

it("QB1, Q2, I5: a list that is older than what hot has dropped since is asked for again", async () => {
  const { load, apply, merge, ask, embeds, searches, clock } = startQuestions({
    embeds: false,
    words: async () => list,
    search: async (_query, call) => (call === 1 ? [] : [coldHit("moved", 6)]),
  });
  load(5);
  apply(upsert({ id: "moved", position: 6 }));
  await quiet();
  const { promise } = ask(search);
  await until(() => embeds.length === 1);
  // Merged and dropped between the list by words and the question's own snapshot.
  merge(6, 2);
  await quiet();
  await clock.advance(graceMs);
  embeds[0]?.reply.resolve([axis(0)]);
  expect(namesOf(await promise)).toEqual(["moved@6 cold"]);
  expect(await Promise.all(searches.map(wordsOf))).toEqual([list, undefined]);
});

it("QB2: nothing is begun for a kept vector, a tenant without cold, or a question about the past", async () => {
  const begun: string[] = [];
  const { load, merge, apply, ask, clock } = startQuestions({
    words: async ({ text }) => {
      begun.push(text);
      return list;
    },
    search: async () => [coldHit("a", 1)],
  });
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  await quiet();
  await ask({ ...search, query: "hot alone" }).promise;
  merge(1, 1);
  await quiet();
  await clock.advance(graceMs);
  await ask({ ...search, query: "hot alone" }).promise;
  await codeOf(ask({ ...search, query: "the past", as_of: 1 }).promise);
  expect(begun).toEqual([]);
  await ask({ ...search, query: "now" }).promise;
  expect(begun).toEqual(["now"]);
});

it("QB3, I12: a list that fails costs the question nothing: its search asks for it", async () => {
  const failing = startQuestions({
    words: () => Promise.reject(new FreshetError("cold_unavailable")),
    search: async () => [coldHit("a", 1)],
  });
  failing.load(5, [["a", 1]]);
  await quiet();
  const answer = await failing.ask(search).promise;
  expect(answer.coverage.cold).toBe("complete");
  expect(await wordsOf(failing.searches[0])).toBeUndefined();
});

it("QB4: a question that ends lets its list go, and without room none is begun", async () => {
  const signals: (AbortSignal | undefined)[] = [];
  const { load, ask, embeds, wordsShares } = startQuestions({
    embeds: false,
    words: ({ signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    },
  });
  load(5, [["a", 1]]);
  await quiet();
  const { promise, caller } = ask(search);
  await until(() => signals.length === 1);
  expect(wordsShares.held).toBe(1);
  caller.abort();
  expect(await codeOf(promise)).toBe("cancelled");
  await until(() => wordsShares.held === 0);
  expect(signals[0]?.aborted).toBe(true);

  const taken = [wordsShares.tryTake("other"), wordsShares.tryTake("third", 3)];
  expect(taken).not.toContain(undefined);
  ask({ ...search, query: "no room" });
  await until(() => embeds.length === 2);
  await quiet();
  expect(signals).toHaveLength(1);
});

it("QB4: a list makes room for others before the answer is written", async () => {
  const held: number[] = [];
  const { load, ask, wordsShares } = startQuestions({
    words: async () => list,
    search: async () => [coldHit("a", 1)],
    write: async () => {
      held.push(wordsShares.held);
      return { answer: "it is so [1]", llm: "hand" };
    },
  });
  load(5, [["a", 1]]);
  await quiet();
  expect((await ask().promise).answer).toBe("it is so [1]");
  expect(held).toEqual([0]);
});

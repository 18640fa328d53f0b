/** What equal questions share: vectors, searches, and nothing that could be stale. */

import fc from "fast-check";
import { expect, it } from "vitest";
import { filterKey } from "../../actors/question/results.ts";
import type { Candidate } from "../../src/contract/candidate.ts";
import { normalFilter } from "../../src/contract/filter.ts";
import type { FilterInput } from "../../src/contract/filter-schema.ts";
import type { Position } from "../../src/contract/ids.ts";
import { codeOf } from "../support/promises.ts";
import { runs } from "../support/runs.ts";
import { axis, deletion, quiet, reject, until, upsert } from "./kit.ts";
import { coldHit, keptMs, marked, namesOf, startQuestions } from "./question-kit.ts";

const search = { mode: "search" };

const keptOf = async (asked: { promise: Promise<{ cache?: { search: string } | undefined }> }) =>
  (await asked.promise).cache?.search;

it("the same question finds the same sources without a vector, cold or a search of its own", async () => {
  const questions = startQuestions({ search: async () => [coldHit("a", 1)] });
  const { load, ask, embeds, searches } = questions;
  load(1, [["a", 1]]);
  await ask(search).promise; // Looks for the marker.
  expect(await keptOf(ask(search))).toBe("hit");
  const again = await ask(search).promise;
  expect(namesOf(again)).toEqual(["a@1 cold"]);
  expect(again.timings).toMatchObject({ cold: 0, hot: 0, fuse: 0 });
  expect([embeds.length, searches.length]).toEqual([1, 1]);
});

it("QR1: what is published, deleted or merged ends what was found before (I4, I5)", async () => {
  const cold: Candidate[] = [];
  const { load, apply, merge, ask } = startQuestions({ search: async () => cold });
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  expect(namesOf(await ask(search).promise)).toEqual(["a@1 hot"]);
  expect(await keptOf(ask(search))).toBe("hit");
  apply(upsert({ id: "a", position: 2 }));
  expect(namesOf(await ask(search).promise)).toEqual(["a@2 hot"]);
  expect(await keptOf(ask(search))).toBe("hit");
  merge(2, 1);
  cold.push(coldHit("a", 2));
  expect(namesOf(await ask(search).promise)).toEqual(["a@2 cold"]);
  expect(await keptOf(ask(search))).toBe("hit");
  apply(deletion("a", 3));
  expect(await codeOf(ask(search).promise)).toBe("no_results");
});

it("QR7: readers with other groups share nothing, not even that it was asked; with the same they do", async () => {
  const { load, apply, ask, embeds } = startQuestions();
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  const by = (groups?: readonly string[]) => ask(search, undefined, groups);
  await by().promise;
  expect(await keptOf(by())).toBe("hit");
  expect(await keptOf(by(["x"]))).toBe("miss");
  expect(await keptOf(by(["x", "y"]))).toBe("miss");
  expect(embeds).toHaveLength(3);
  expect(await keptOf(by(["y", "x", "x"]))).toBe("hit");
  expect(await keptOf(by([]))).toBe("miss");
  expect(embeds).toHaveLength(4);
});

it("QR7: a search under way is joined by readers with the same groups alone", async () => {
  const { load, ask, searches } = startQuestions({ search: async () => [], actors: 3 });
  load(1, [["a", 1]]);
  await ask(search).promise.catch(() => {}); // Looks for the marker.
  const asked = [["x"], ["x"], ["y"]].map((groups) => ask(search, undefined, groups).promise);
  await Promise.allSettled(asked);
  const clauses = searches.slice(1).map(({ access }) => [...(access?.groups ?? [])]);
  expect(clauses.sort()).toEqual([["x"], ["y"]]);
});

it("an operation that changes no search leaves what was found, and its reply covers it", async () => {
  const { load, apply, ask } = startQuestions();
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  await ask(search).promise;
  apply(reject(2));
  const { cache, visible_seq } = await ask(search).promise;
  expect({ cache, visible_seq }).toMatchObject({ cache: { search: "hit" }, visible_seq: 2 });
});

it("Q4, I6: also what was kept leaves only after a proof of the lease", async () => {
  const { load, apply, ask, takeOver } = startQuestions();
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  await ask(search).promise;
  expect(await keptOf(ask(search))).toBe("hit");
  takeOver();
  expect(await codeOf(ask(search).promise)).toBe("not_ready");
});

it("QR1: an expired document of cold ends what was ranked beside it", async () => {
  let expiring = coldHit("late", 1);
  const { load, ask, searches, clock } = startQuestions({
    search: async () => [coldHit("a", 1), expiring],
  });
  expiring = { ...expiring, info: { expiresAtMs: clock.nowMs() + 5_000 } };
  load(1, [
    ["a", 1],
    ["late", 1],
  ]);
  const asked = { ...search, top_k: 1 };
  await ask(asked).promise;
  await clock.advance(4_999);
  expect(await keptOf(ask(asked))).toBe("hit");
  await clock.advance(1);
  expect(await keptOf(ask(asked))).toBe("miss");
  expect(searches).toHaveLength(2);
});

it("QR2, I12: a search without cold is answered and not kept", async () => {
  let isAway = true;
  const { load, apply, ask } = startQuestions({
    search: async () => {
      if (isAway) throw new Error("away");
      return [coldHit("old", 1)];
    },
  });
  load(1, [["old", 1]]);
  apply(upsert({ id: "new", position: 2 }));
  await codeOf(ask(search).promise);
  isAway = false;
  expect(namesOf(await ask(search).promise)).toEqual(["new@2 hot", "old@1 cold"]);
});

it("QR3: now and then a question looks for the marker, whatever is kept; its loss ends that", async () => {
  let seen = 1;
  const { load, ask, clock, markerReads, searches } = startQuestions({
    search: async () => [coldHit("a", 1)],
    marker: async () => marked(seen),
  });
  load(1, [["a", 1]]);
  await ask(search).promise;
  expect(await keptOf(ask(search))).toBe("hit");
  expect(markerReads()).toBe(1);
  seen = 0;
  await clock.advance(10_000);
  const lost = await ask(search).promise;
  expect(lost).toMatchObject({ coverage: { cold: "stale" }, cache: { search: "miss" } });
  await quiet();
  expect((await ask(search).promise).coverage.cold).toBe("stale");
  // What was kept before the loss is not shown once the marker is back.
  seen = 1;
  await ask(search).promise;
  await quiet();
  expect(searches.length).toBe(4);
  expect(await keptOf(ask(search))).toBe("hit");
});

it("QR3: a marker that is lost ends what was found before, also for a question that need not look", async () => {
  const { load, ask, tell, clock } = startQuestions({ search: async () => [coldHit("a", 1)] });
  load(1, [["a", 1]]);
  await ask(search).promise;
  const watermark = 1 as Position;
  const look = { type: "marker", watermark, lookedAtMs: clock.monotonicMs() } as const;
  tell({ ...look, seen: false }, { ...look, seen: true });
  expect(await keptOf(ask(search))).toBe("miss");
});

it("QR4: ranks that depend on the time of the question are made for each", async () => {
  const { load, apply, ask } = startQuestions();
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  const recent = { ...search, recency: { half_life_s: 60 } };
  await ask(recent).promise;
  expect(await keptOf(ask(recent))).toBe("off");
});

it("a question that wants none of it searches, embeds and leaves nothing behind", async () => {
  const { load, apply, ask, embeds } = startQuestions();
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  const alone = { ...search, cache: false };
  expect(await keptOf(ask(alone))).toBe("off");
  expect(await keptOf(ask(search))).toBe("miss");
  expect(await keptOf(ask(alone))).toBe("off");
  expect(embeds).toHaveLength(3);
});

it("other words, bounds or filters are other questions", async () => {
  const { load, apply, ask } = startQuestions();
  load(0);
  apply(upsert({ id: "a", position: 1 }), upsert({ id: "b", position: 2 }));
  const others = [
    {},
    { query: "Text" },
    { top_k: 1 },
    { filter: { id: "a" } },
    { filter: { id: "b" } },
    { filter: { published_at: { gte: 0 } } },
    { filter: { published_at: { lte: 0 } } },
  ];
  for (const other of others) {
    const asked = ask({ ...search, ...other }).promise.then(
      ({ cache }) => cache?.search,
      (error) => error.code,
    );
    expect(await asked).not.toBe("hit");
  }
  expect(await keptOf(ask({ ...search, filter: { id: ["a"] } }))).toBe("hit");
});

it("filters have one key only if they are one filter", () => {
  const value = fc.oneof(fc.constantFrom("1", "true", ""), fc.nat(2), fc.boolean());
  const number = fc.nat(2);
  const condition = fc.oneof(
    value,
    fc.uniqueArray(value, { minLength: 1, maxLength: 3 }),
    fc.dictionary(fc.constantFrom("gt", "gte", "lt", "lte"), number, { minKeys: 1 }),
  );
  const filter = fc.dictionary(fc.constantFrom("metadata.a", "metadata.b"), condition);
  fc.assert(
    fc.property(filter, filter, (left, right) => {
      const [a, b] = [left, right].map((each) => normalFilter(each as FilterInput));
      const isSame = filterKey(a) === filterKey(b);
      if (isSame) expect(a).toEqual(b);
      else expect(a).not.toEqual(b);
    }),
    {
      numRuns: runs(2_000),
      examples: [[{ "metadata.a": ["1", 0] }, { "metadata.a": [0, "1"] }]],
    },
  );
});

it("QR5: equal questions at once share one search; one that leaves does not end it", async () => {
  const gate = Promise.withResolvers<void>();
  const { load, ask, embeds, searches } = startQuestions({
    search: async (query) => {
      await gate.promise;
      expect(query.signal?.aborted).toBe(false);
      return [coldHit("a", 1)];
    },
    actors: 3,
  });
  load(1, [["a", 1]]);
  // The one that looks for the marker searches for itself.
  const looks = ask(search);
  await until(() => searches.length === 1);
  const [first, second] = [ask(search), ask(search)];
  await until(() => searches.length === 2);
  await quiet();
  first.caller.abort();
  expect(await codeOf(first.promise)).toBe("cancelled");
  gate.resolve();
  expect(namesOf(await second.promise)).toEqual(["a@1 cold"]);
  await looks.promise;
  expect([embeds.length, searches.length]).toEqual([1, 2]);
});

it("a vector that comes late serves all who wait for it, also when the first has left", async () => {
  const { load, apply, ask, embeds } = startQuestions({ embeds: false, actors: 3 });
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  const [first, second] = [ask(search), ask(search)];
  await until(() => embeds.length === 1);
  await quiet();
  first.caller.abort();
  expect(await codeOf(first.promise)).toBe("cancelled");
  expect(embeds[0]?.signal.aborted).toBe(false);
  embeds[0]?.reply.resolve([axis(0)]);
  expect(namesOf(await second.promise)).toEqual(["a@1 hot"]);
  expect(embeds).toHaveLength(1);
});

it("what is kept is kept for its time", async () => {
  const { load, apply, ask, clock } = startQuestions();
  load(0);
  apply(upsert({ id: "a", position: 1 }));
  await ask(search).promise;
  await clock.advance(keptMs - 1);
  expect(await keptOf(ask(search))).toBe("hit");
  await clock.advance(1);
  expect(await keptOf(ask(search))).toBe("miss");
});

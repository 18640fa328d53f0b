/** Cold that lost what was merged: what a question says of it. */

import { expect, it } from "vitest";
import { upsert } from "./kit.ts";
import { coldHit, marked, namesOf, startQuestions } from "./question-kit.ts";

const search = { mode: "search" };

it("Q5, I12: a cold shard that is older than the manifest is used, and declared stale until it has caught up", async () => {
  let marker = marked(4);
  const { load, ask, markerReads, mergeTrigger } = startQuestions({
    search: async ({ limit }) => Array.from({ length: limit }, (_, at) => coldHit("a", 1, at)),
    marker: async () => marker,
  });
  load(5, [["a", 1]]);
  expect((await ask(search).promise).coverage.cold).toBe("stale");
  expect(mergeTrigger.depth).toBe(1);
  // A repair writes the marker without a new manifest.
  marker = marked(5);
  expect((await ask(search).promise).coverage.cold).toBe("complete");
  expect(markerReads()).toBe(2);
  // Once seen it is not looked for again.
  expect((await ask(search).promise).coverage.cold).toBe("complete");
  expect(markerReads()).toBe(2);
});

it("Q5, I12: a tenant that was merged and that cold does not know is stale, whatever was believed of its marker", async () => {
  let isUnknown = false;
  const { load, apply, ask, markerReads, mergeTrigger } = startQuestions({
    search: async () => [coldHit("a", 1)],
    isUnknown: () => isUnknown,
  });
  load(5, [["a", 1]]);
  apply(upsert({ id: "new", position: 6 }));
  expect((await ask(search).promise).coverage.cold).toBe("complete");
  isUnknown = true;
  const asked = { ...search, query: "another question" };
  const answer = await ask(asked).promise;
  expect(answer.coverage.cold).toBe("stale");
  expect(namesOf(answer)).toEqual(["new@6 hot"]);
  expect(mergeTrigger.depth).toBe(1);
  isUnknown = false;
  expect((await ask(asked).promise).coverage.cold).toBe("complete");
  expect(markerReads()).toBe(2);
});

it("I12: cold that has less to show than was asked for is looked at again, whatever was believed: it may have lost its disk", async () => {
  let marker: ReturnType<typeof marked> | null = marked(5);
  let held = [coldHit("a", 1), coldHit("b", 1)];
  const { load, ask, markerReads, mergeTrigger } = startQuestions({
    search: async () => held,
    marker: async () => marker,
  });
  load(5, [
    ["a", 1],
    ["b", 1],
  ]);
  expect((await ask(search).promise).coverage.cold).toBe("complete");
  marker = null;
  held = [coldHit("b", 1)];
  const asked = { ...search, query: "another question" };
  expect((await ask(asked).promise).coverage.cold).toBe("stale");
  expect([markerReads(), mergeTrigger.depth]).toEqual([2, 1]);
});

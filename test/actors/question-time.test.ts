import { expect, it } from "vitest";
import { createManualClock } from "../support/manual-clock.ts";
import { coldHit, startQuestions } from "./question-kit.ts";

const search = { mode: "search" };

it("a source says when its document is from, in which language, and what its publisher added", async () => {
  const { load, ask } = startQuestions({
    search: async () => [
      {
        ...coldHit("a", 1),
        heading: "Prices > Boats",
        info: {
          timestamp: Date.UTC(2024, 1, 29),
          publishedAtMs: Date.UTC(2026, 10, 29, 8, 30, 15),
          expiresAtMs: Date.UTC(2027, 0, 1),
          language: "nb",
          acl: ["crew"],
          metadata: { harbour: "Molde", berths: 40 },
        },
      },
    ],
  });
  load(1, [["a", 1]]);
  const { sources } = await ask(search).promise;
  expect(sources[0]).toMatchObject({
    heading: "Prices > Boats",
    timestamp: "2024-02-29T00:00:00.000Z",
    published_at: "2026-11-29T08:30:15.000Z",
    expires_at: "2027-01-01T00:00:00.000Z",
    language: "nb",
    acl: ["crew"],
    metadata: { harbour: "Molde", berths: 40 },
  });
});

it("recency puts the newer document first, counted from the time of the question", async () => {
  const now = createManualClock().nowMs();
  const dated = (id: string, timestamp: number, cosine: number) => ({
    ...coldHit(id, 1),
    ...{ cosine, info: { timestamp } },
  });
  const { load, ask } = startQuestions({
    search: async () => [
      dated("old", now - 9_000_000, 0.9),
      dated("new", now - 1_000, 0.8),
      dated("unlike", now - 9_000_000, 0.1),
    ],
  });
  load(1, [
    ["old", 1],
    ["new", 1],
    ["unlike", 1],
  ]);
  const idsOf = async (extra: object) =>
    (await ask({ ...search, ...extra }).promise).sources.map(({ id }) => id);
  expect(await idsOf({})).toEqual(["old", "new", "unlike"]);
  const recency = { half_life_s: 1_000, weight: 0.9 };
  expect(await idsOf({ recency })).toEqual(["new", "old", "unlike"]);
});

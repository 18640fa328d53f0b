/**
 * The core under simulated faults: thousands of histories in which every call of every process is
 * answered, refused, lost, half done or done later, processes die at any step, zombies write, cold
 * forgets and resurrects.
 */

import fc from "fast-check";
import { expect, it } from "vitest";
import { patienceMs, runs } from "../support/runs.ts";
import { type Command, histories } from "./history.ts";
import { World } from "./world.ts";

/**
 * The rarest fault of planted.test.ts is found by 170 histories in the mean, most by a few: so many
 * miss it in no run of a million.
 */
const count = 2_000;

it(
  "any history: one record per operation, watermark and heads agree, and every answer is the oracle's (I1-I8)",
  async () => {
    const property = fc.asyncProperty(histories, (history) => new World().run(history));
    const found = await fc.check(property, { numRuns: runs(count) });
    expect(
      found.failed ? `${fc.defaultReportMessage(found)}\n${String(found.errorInstance)}` : "held",
    ).toBe("held");
  },
  patienceMs(300_000),
);

it("a sweep of heads that wakes up inside a later merge takes no piece that this is about to name (I3)", async () => {
  const write: Command = { do: "upsert", id: "a", chunks: 1 };
  const work: Command = { do: "work" };
  const merge = (calls: number, ends: "ok" | "timed out" = "ok"): Command => ({
    do: "merge",
    calls,
    ends,
  });
  const whole = merge(60);
  const zombie: Command = { do: "run", who: "zombie", calls: 9, ends: "ok" };
  // Wherever the sweep's attempt times out, and however far the later merge has come.
  for (let timesOutAt = 18; timesOutAt <= 28; timesOutAt += 1) {
    for (let reached = 10; reached <= 24; reached += 1) {
      await new World().run([
        ...[write, work, whole, write, work, merge(timesOutAt, "timed out"), whole],
        ...[write, work, merge(reached), zombie, whole],
      ]);
    }
  }
});

it("what cold does not prove is not purged, so a marker that a zombie set back costs a repair and no more (I12)", async () => {
  await new World().run([
    { do: "work" },
    { do: "merge", calls: 12, ends: "timed out" },
    { do: "merge", calls: 7, ends: "ok" },
    { do: "upsert", id: "a", chunks: 1 },
    { do: "upsert", id: "a", chunks: 1 },
    { do: "work" },
    { do: "merge", calls: 2, ends: "fail" },
    { do: "merge", calls: 40, ends: "torn" },
    { do: "run", who: "zombie", calls: 7, ends: "fail" },
    { do: "land" },
    { do: "upsert", id: "a", chunks: 1 },
    { do: "purge" },
    { do: "merge", calls: 1, ends: "fail" },
    { do: "upsert", id: "a", chunks: 1 },
    { do: "resurrect" },
    { do: "merge", calls: 1, ends: "timed out" },
    { do: "kill merger" },
  ]);
});

it("a commit that lands unseen is confirmed although a takeover's fence is all that comes after it (I12)", async () => {
  const merge = (calls: number, ends: "ok" | "late"): Command => ({ do: "merge", calls, ends });
  // Whichever call of the merge it is: the compare-and-set is one of them.
  for (let calls = 1; calls <= 24; calls += 1) {
    await new World().run([
      ...[{ do: "upsert", id: "a", chunks: 1 } as const, { do: "work" } as const],
      ...[merge(calls, "late"), merge(1, "ok")],
    ]);
  }
});

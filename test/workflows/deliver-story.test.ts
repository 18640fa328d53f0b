import { expect, it } from "vitest";
import type { DeliveryTurn } from "../../src/contract/delivery.ts";
import { limits } from "../../src/contract/limits.ts";
import { deliverStory } from "../../workflows/deliver-story.ts";

function story(turns: (index: number) => DeliveryTurn, changes: readonly number[] = []) {
  let at = 0;
  let changed = false;
  const waits: number[] = [];
  const shown: string[] = [];
  const end = deliverStory({
    async turn() {
      const turn = turns(at);
      changed = changes.includes(at);
      at += 1;
      return turn;
    },
    takeChange() {
      const had = changed;
      changed = false;
      return had;
    },
    wait: async (ms) => void waits.push(ms),
    isLong: () => false,
    show: (details) => void shown.push(details),
    nowMs: () => 0,
  });
  return { end, waits, shown, turns: () => at };
}

const over: DeliveryTurn = { kind: "over", delivered: 0, why: "paused" };

it("takes turn after turn until the webhook is over, waits as it is told, and says so", async () => {
  const why = { kind: "failing", attempts: 2, reason: "status 503" } as const;
  const turns: readonly DeliveryTurn[] = [
    { kind: "more", delivered: 3 },
    { kind: "wait", delivered: 1, waitMs: 5_000, why },
    over,
  ];
  const told = story((index) => turns[index] ?? over);
  expect(await told.end).toBe("paused");
  expect(told.waits).toEqual([5_000]);
  expect(told.shown).toEqual([
    "active: 3 events delivered in this run",
    "failing: 2 attempts of the next event, the last with status 503; again at 1970-01-01T00:00:05.000Z; 4 events delivered in this run",
    "over: paused; 4 events delivered in this run",
  ]);
});

it("looks again when somebody resumed it while its last turn ended", async () => {
  const told = story(() => over, [0]);
  expect(await told.end).toBe("paused");
  expect(told.turns()).toBe(2);
});

it("ends after a bounded number of turns, to continue in a new run", async () => {
  const told = story(() => ({ kind: "more", delivered: 0 }));
  expect(await told.end).toBe("long");
  expect(told.turns()).toBe(limits.endpointTurnsPerRunMax);
});

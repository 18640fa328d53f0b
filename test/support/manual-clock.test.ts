import { expect, it } from "vitest";
import { createManualClock, settle } from "./manual-clock.ts";

it("wakes sleepers in the order in which they are due, and nobody early", async () => {
  const clock = createManualClock();
  const woken: string[] = [];
  const sleeper = async (name: string, ms: number): Promise<void> => {
    await clock.sleep(ms);
    woken.push(`${name}@${clock.monotonicMs()}`);
  };
  void sleeper("late", 30);
  void sleeper("early", 10);
  void sleeper("early too", 10);
  await clock.advance(9);
  expect(woken).toEqual([]);
  await clock.advance(11);
  expect(woken).toEqual(["early@10", "early too@10"]);
  await clock.advance(10);
  expect(woken).toEqual(["early@10", "early too@10", "late@30"]);
});

it("wakes a sleeper again that sleeps again within the same advance", async () => {
  const clock = createManualClock(5_000);
  const stamps: number[] = [];
  void (async () => {
    for (let round = 0; round < 3; round += 1) {
      await clock.sleep(100);
      stamps.push(clock.nowMs());
    }
  })();
  await clock.advance(250);
  expect(stamps).toEqual([5_100, 5_200]);
  expect(clock.nowMs()).toBe(5_250);
});

it("lets an aborted sleeper go at once and forgets it", async () => {
  const clock = createManualClock();
  const stop = new AbortController();
  const sleep = clock.sleep(1_000, stop.signal);
  expect(clock.sleeping).toBe(1);
  stop.abort();
  await sleep;
  expect(clock.sleeping).toBe(0);
  await clock.sleep(1_000, stop.signal);
});

it("tells when enough sleepers wait", async () => {
  const clock = createManualClock();
  let told = false;
  const waiting = clock.untilSleeping(2).then(() => {
    told = true;
  });
  void clock.sleep(1);
  await settle();
  expect(told).toBe(false);
  void clock.sleep(1);
  await waiting;
});

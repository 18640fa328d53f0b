import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/runtime/clock.ts";

const timers = (): number =>
  process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;

describe("systemClock.sleep", () => {
  it("ends at once on abort and leaves neither timer nor listener", async () => {
    const before = timers();
    const stop = new AbortController();
    const sleep = systemClock.sleep(3_600_000, stop.signal);
    expect(timers()).toBe(before + 1);
    expect(getEventListeners(stop.signal, "abort")).toHaveLength(1);
    stop.abort();
    await sleep;
    expect(timers()).toBe(before);
    expect(getEventListeners(stop.signal, "abort")).toHaveLength(0);
  });

  it("leaves no listener on a signal that outlives many sleeps", async () => {
    const { signal } = new AbortController();
    for (let sleep = 0; sleep < 5; sleep += 1) await systemClock.sleep(0, signal);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("starts no timer when the signal has aborted already", async () => {
    const before = timers();
    await systemClock.sleep(3_600_000, AbortSignal.abort());
    expect(timers()).toBe(before);
  });

  it("has passed when it resolves", async () => {
    const beforeMs = systemClock.monotonicMs();
    await systemClock.sleep(5);
    expect(systemClock.monotonicMs()).toBeGreaterThan(beforeMs);
  });
});

it("tells unix milliseconds, and a monotonic time that never goes back", () => {
  const bracket = [Date.now(), systemClock.nowMs(), Date.now()];
  expect(bracket).toEqual(bracket.toSorted((a, b) => a - b));
  const stamps = Array.from({ length: 100 }, () => systemClock.monotonicMs());
  expect(stamps).toEqual(stamps.toSorted((a, b) => a - b));
});

describe("systemClock.turn", () => {
  it("gives each caller a turn of the event loop of its own, in their order", async () => {
    const events: string[] = [];
    let loops = 0;
    let counting = true;
    const count = (): void => {
      loops += 1;
      if (counting) setImmediate(count);
    };
    setImmediate(count);
    const callers = ["first", "second", "third"].map(async (name) => {
      await systemClock.turn();
      events.push(`${name} in ${loops}`);
    });
    await Promise.all(callers);
    counting = false;
    const turns = events.map((event) => event.split(" in ")[1]);
    expect(events.map((event) => event.split(" ")[0])).toEqual(["first", "second", "third"]);
    expect(new Set(turns).size).toBe(3);
  });
});

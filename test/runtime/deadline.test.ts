import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { Deadline, late, waitAtMost } from "../../src/runtime/deadline.ts";
import { createManualClock } from "../support/manual-clock.ts";

describe("waitAtMost", () => {
  it("gives the result that comes in time, and leaves no timer", async () => {
    const clock = createManualClock();
    expect(await waitAtMost(clock, 1_000, Promise.resolve(7))).toBe(7);
    expect(clock.sleeping).toBe(0);
  });

  it("gives `late` when the time is over first, and ignores a later failure of the work", async () => {
    const clock = createManualClock();
    const work = Promise.withResolvers<number>();
    const waited = waitAtMost(clock, 1_000, work.promise);
    await clock.advance(1_000);
    expect(await waited).toBe(late);
    work.reject(new Error("too late"));
  });

  it("passes on a failure that comes in time", async () => {
    const failed = Promise.reject(new Error("broken"));
    await expect(waitAtMost(createManualClock(), 1_000, failed)).rejects.toThrow("broken");
  });
});

describe("a deadline", () => {
  it("aborts its signal when the time is over, and says so", async () => {
    const clock = createManualClock();
    const deadline = new Deadline(clock, 1_000);
    await clock.advance(999);
    expect(deadline.signal.aborted).toBe(false);
    await clock.advance(1);
    expect([deadline.signal.aborted, deadline.isOver]).toEqual([true, true]);
  });

  it("aborts with its caller, and is then not over", () => {
    const caller = new AbortController();
    const deadline = new Deadline(createManualClock(), 1_000, caller.signal);
    caller.abort();
    expect([deadline.signal.aborted, deadline.isOver]).toEqual([true, false]);
  });

  it("aborts with the first of several callers, for that one's reason, and leaves no timer", () => {
    const clock = createManualClock();
    const callers = [new AbortController(), new AbortController()] as const;
    const deadline = new Deadline(clock, 1_000, callers[0].signal, callers[1].signal);
    callers[1].abort("left");
    callers[0].abort("left later");
    expect([deadline.signal.reason, deadline.isOver, clock.sleeping]).toEqual(["left", false, 0]);
  });

  it("of a caller that has left already is aborted at once, and leaves no timer", () => {
    const clock = createManualClock();
    const deadline = new Deadline(clock, 1_000, AbortSignal.abort("left"));
    expect([deadline.signal.reason, deadline.isOver, clock.sleeping]).toEqual(["left", false, 0]);
  });

  it("that is over stays over when its caller leaves later", async () => {
    const clock = createManualClock();
    const caller = new AbortController();
    const deadline = new Deadline(clock, 1_000, caller.signal);
    await clock.advance(1_000);
    caller.abort();
    expect([deadline.signal.aborted, deadline.isOver]).toEqual([true, true]);
  });

  it("listens to its callers only until it is cleared, over, or left by one of them", async () => {
    const clock = createManualClock();
    const lasting = new AbortController().signal;
    const leaving = new AbortController();
    new Deadline(clock, 1_000, lasting).clear();
    new Deadline(clock, 1_000, lasting, leaving.signal);
    leaving.abort();
    new Deadline(clock, 1_000, lasting);
    expect(getEventListeners(lasting, "abort")).toHaveLength(1);
    await clock.advance(1_000);
    expect(getEventListeners(lasting, "abort")).toHaveLength(0);
  });

  it("that was cleared never aborts, and leaves no timer", async () => {
    const clock = createManualClock();
    const deadline = new Deadline(clock, 1_000);
    deadline.clear();
    await clock.advance(2_000);
    expect(deadline.signal.aborted).toBe(false);
    expect(clock.sleeping).toBe(0);
  });
});

import { describe, expect, it } from "vitest";
import type { MergeRuntime } from "../../workflows/merge-runtime.ts";
import type { MergeState } from "../../workflows/merge-state.ts";
import { WorkInHand } from "../../workflows/work-in-hand.ts";
import { nextStage, type WorkStage } from "../../workflows/work-stage.ts";

const idle: MergeState = { phase: "idle" };
const cleaning: MergeState = { phase: "cleaning" };
const error = { code: "cold_unavailable", message: "cold is down" } as const;
const retrying: MergeState = { phase: "retrying", error, attempt: 1, retryAtMs: 7 };
const cancel = (): void => {};

function setUp() {
  const shown: string[] = [];
  let fail: (reason: Error) => void = () => {};
  const runtime = {
    cancellable: () => ({
      run: <T>(work: () => Promise<T>) =>
        Promise.race([
          work(),
          new Promise<never>((_, reject) => {
            fail = reject;
          }),
        ]),
      cancel: () => fail(new Error("cancelled")),
    }),
    failureOf: () => error,
    onState: ({ phase }: MergeState) => void shown.push(phase),
  } as unknown as MergeRuntime;
  return { work: new WorkInHand(runtime), shown };
}

describe("work in hand", () => {
  it("brings its result, and is in hand until its caller ends it", async () => {
    const { work, shown } = setUp();
    expect(work.cancel()).toBe(false);
    const ended = await work.attempt(cleaning, () => Promise.resolve(5));
    expect(ended).toEqual({ kind: "done", result: 5 });
    expect(work.cancel()).toBe(true);
    expect(work.end()).toBe(true);
    expect(work.cancel()).toBe(false);
    expect(shown).toEqual(["cleaning"]);
  });

  it("fails with what it threw, unless it was cancelled", async () => {
    const { work } = setUp();
    const broken = await work.attempt(cleaning, () => Promise.reject(new Error("down")));
    expect(broken).toEqual({ kind: "failed", error });
    work.backOff(retrying);
    expect(work.shown).toEqual(retrying);
    expect(work.end()).toBe(false);
    const stopped = work.attempt(cleaning, () => new Promise(() => {}));
    expect(work.cancel()).toBe(true);
    expect(await stopped).toEqual({ kind: "cancelled" });
    expect(work.end()).toBe(true);
  });

  it("takes its cancel with it: the next work begins without one", async () => {
    const { work } = setUp();
    await work.attempt(cleaning, async () => {});
    work.cancel();
    work.end();
    const next = await work.attempt(cleaning, () => Promise.resolve("whole"));
    expect(next).toEqual({ kind: "done", result: "whole" });
    expect(work.isCancelled).toBe(false);
  });

  it("that failed while it was cancelled gives up its next attempt", async () => {
    const { work } = setUp();
    await work.attempt(cleaning, async () => {});
    work.cancel();
    work.backOff(retrying);
    expect(work.isCancelled).toBe(true);
    expect(work.end()).toBe(true);
  });
});

describe("the table of stages", () => {
  const stages: readonly WorkStage[] = [
    { is: "waiting", shown: idle },
    { is: "working", shown: cleaning, cancel },
    { is: "stopping", shown: cleaning },
    { is: "backing-off", shown: retrying },
    { is: "giving-up", shown: retrying },
  ];

  it.each([
    ["begin", ["working", null, null, null, null]],
    ["show", ["waiting", "working", "stopping", null, null]],
    ["cancel", ["waiting", "stopping", "stopping", "giving-up", "giving-up"]],
    ["fail", [null, "backing-off", "giving-up", null, null]],
    ["end", [null, "waiting", "waiting", "waiting", "waiting"]],
  ] as const)("has a cell for %s in every stage", (is, expected) => {
    const event = { is, shown: idle, cancel };
    const found = (stage: WorkStage): string | null => {
      try {
        return nextStage(stage, event).is;
      } catch {
        return null;
      }
    };
    expect(stages.map(found)).toEqual(expected);
  });
});

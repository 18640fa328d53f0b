import { describe, expect, it } from "vitest";
import type { Position } from "../../src/contract/ids.ts";
import { makeSteps, mergeSteps } from "../../src/contract/merge-steps.ts";
import { acme } from "../activities/world.ts";

const at = (position: number): Position => position as Position;

describe("the steps of merges and scrubs", () => {
  it("have the names that running workflows have in their histories", () => {
    expect(Object.keys(mergeSteps)).toEqual([
      ...["planMerge", "writeRange", "verifyRange", "commitMerge", "confirmMerge"],
      ...["cleanSuperseded", "sweepHeads", "planScrub", "scrubLog", "scrubCold", "finishScrub"],
    ]);
  });

  it("say what they do in positions and counts", () => {
    const range = { tenant: acme, from: at(3), to: at(9) };
    expect(mergeSteps.writeRange.summary({ ...range, after: at(5) })).toBe("write (3, 9] after 5");
    expect(mergeSteps.verifyRange.summary(range)).toBe("read back (3, 9]");
    expect(mergeSteps.confirmMerge.summary({ tenant: acme, to: at(9) })).toBe("confirm up to 9");
  });

  it("are all made, each from its name", async () => {
    const made: string[] = [];
    const steps = makeSteps((name) => () => {
      made.push(name);
      return Promise.reject(new Error(name));
    });
    await expect(steps.planScrub({ tenant: acme })).rejects.toThrow("planScrub");
    expect(Object.keys(steps)).toEqual(Object.keys(mergeSteps));
    expect(made).toEqual(["planScrub"]);
  });
});

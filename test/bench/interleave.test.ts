import { describe, expect, it } from "vitest";
import { interleave } from "./interleave.ts";

describe("an interleaved comparison", () => {
  it("runs every side once per round, in an order that turns, and counts all but the first round", async () => {
    const order: string[] = [];
    const seconds = await interleave(
      { ours: () => void order.push("ours"), theirs: () => void order.push("theirs") },
      2,
    );
    expect(order).toEqual(["ours", "theirs", "theirs", "ours", "ours", "theirs"]);
    expect(seconds.ours).toHaveLength(2);
    expect(seconds.theirs).toHaveLength(2);
  });

  it("fails when a side fails", async () => {
    const broken = () => Promise.reject(new Error("broken"));
    await expect(interleave({ broken })).rejects.toThrow("broken");
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Version } from "../../src/contract/ids.ts";
import { IdWindow } from "../../src/log/id-window.ts";
import { runs } from "../support/runs.ts";

const windowMs = 100;
const windowOf = (idsMax = 1_000) => new IdWindow({ windowMs, idsMax });
const take = (window: IdWindow, version: number, atMs: number, messageId: string) =>
  window.take({ version: version as Version, atMs, messageId });

describe("the window of message ids", () => {
  it("names the first operation under an id, and counts from it, not from repetitions (IW2)", () => {
    const window = windowOf();
    expect(take(window, 1, 0, "a")).toBeUndefined();
    expect(take(window, 2, 60, "a")).toBe(1);
    expect(take(window, 3, 99, "a")).toBe(1);
    expect(take(window, 4, 100, "a")).toBeUndefined();
    expect(take(window, 5, 150, "a")).toBe(4);
  });

  it("keeps so many ids and no more, of whatever length, the newest of them (IW3)", () => {
    const window = windowOf(3);
    const ids = ["a", "b".repeat(1_000_000), "c", "d"];
    ids.forEach((id, index) => expect(take(window, index + 1, 0, id)).toBeUndefined());
    expect(window.size).toBe(3);
    expect(take(window, 5, 1, ids[1] ?? "")).toBe(2);
    expect(take(window, 6, 1, "a")).toBeUndefined();
  });

  it("holds what is still to come of a clock that was set back for a repetition", () => {
    const window = windowOf();
    take(window, 1, 1_000, "a");
    expect(take(window, 2, 10, "a")).toBe(1);
    expect(take(window, 3, 10, "b")).toBeUndefined();
    expect(take(window, 4, 20, "b")).toBe(3);
  });

  it("any history: an owner that begins anywhere decides as one that saw it all (IW1, I7)", () => {
    const step = fc.record({ id: fc.constantFrom("a", "b", "c"), pauseMs: fc.nat(140) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(60), (steps, begin) => {
        let atMs = 0;
        const operations = steps.map(({ id, pauseMs }, index) => {
          atMs += pauseMs;
          return { version: (index + 1) as Version, atMs, messageId: id };
        });
        const whole = windowOf();
        const all = operations.map((operation) => whole.take(operation));
        const cursor = operations[begin - 1];
        if (cursor === undefined) return;
        const sinceMs = cursor.atMs - 2 * windowMs;
        const from = operations.findIndex((operation) => operation.atMs >= sinceMs);
        // One id without a pause from before the two windows on is the exception that IW1 names.
        const chained = operations
          .slice(0, from)
          .some(({ messageId, atMs: at }) =>
            operations.some(
              (other) =>
                other.messageId === messageId &&
                other.atMs > at &&
                other.atMs - at < windowMs &&
                other.atMs >= sinceMs,
            ),
          );
        if (chained) return;
        const later = windowOf();
        const decided = operations.slice(from).map((operation) => later.take(operation));
        expect(decided.slice(begin - from)).toEqual(all.slice(begin));
      }),
      { numRuns: runs(2_000) },
    );
  });
});

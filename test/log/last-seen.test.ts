import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSameMessage, LastSeenTail } from "../../src/log/nats/last-seen.ts";

describe("what a process remembers of a stream (L5)", () => {
  it("is the highest sequence, and the newest message whose time is known, in any order", () => {
    const seen = fc.record({
      seq: fc.integer({ min: 1, max: 1_000 }),
      atMs: fc.option(fc.integer({ min: 1, max: 9_000 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(seen), (all) => {
        const memory = new LastSeenTail(0);
        for (const { seq, atMs } of all) memory.saw(seq, atMs);
        expect(memory.highest).toBe(Math.max(0, ...all.map(({ seq }) => seq)));
        const timed = all.filter(({ atMs }) => atMs !== undefined);
        const newest = Math.max(0, ...timed.map(({ seq }) => seq));
        expect(memory.message).toEqual(timed.find(({ seq }) => seq === newest));
      }),
    );
  });

  it("knows a message by its time, however it was rounded; a purged one is no other one", () => {
    const seen = { seq: 7, atMs: 1_000 };
    expect([999, 1_000, 1_001, undefined].map((at) => isSameMessage(seen, at))).toEqual([
      ...[true, true, true, true],
    ]);
    expect([0, 998, 1_002, 5_000].some((at) => isSameMessage(seen, at))).toBe(false);
  });
});

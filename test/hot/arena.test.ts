import fc from "fast-check";
import { expect, test } from "vitest";
import { limits } from "../../src/contract/limits.ts";
import { Arena } from "../../src/hot/arena.ts";
import { runs } from "../support/runs.ts";

interface Taken {
  readonly address: number;
  readonly bytes: number;
}

test("AR1, AR2: allocations never overlap, and everything freed is one piece again, for any sequence", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: 1, max: 300_000 }), fc.constant("free" as const)), {
        maxLength: 80,
      }),
      fc.infiniteStream(fc.nat()),
      (steps, choices) => {
        const arena = new Arena();
        const taken: Taken[] = [];
        const free = (at: number): void => {
          const [gone] = taken.splice(at, 1);
          if (gone !== undefined) arena.free(gone.address, gone.bytes);
        };
        for (const step of steps) {
          if (step === "free") {
            if (taken.length > 0) free((choices.next().value as number) % taken.length);
            continue;
          }
          const address = arena.allocate(step);
          expect(address % 64).toBe(0);
          expect(address + step).toBeLessThanOrEqual(arena.memory.buffer.byteLength);
          for (const other of taken) {
            expect(address + step <= other.address || other.address + other.bytes <= address).toBe(
              true,
            );
          }
          taken.push({ address, bytes: step });
        }
        const grown = arena.memory.buffer.byteLength;
        while (taken.length > 0) free((choices.next().value as number) % taken.length);
        expect(arena.bytes).toBe(0);
        // Only one free piece can give all but the first line without growing.
        arena.allocate(grown - 64);
        expect(arena.memory.buffer.byteLength).toBe(grown);
      },
    ),
    { numRuns: runs(60) },
  );
});

test("views show all of a memory that has grown", () => {
  const arena = new Arena();
  const address = arena.allocate(10_000_000);
  arena.f32[(address + 9_999_996) / 4] = 0.5;
  expect(arena.u32[(address + 9_999_996) / 4]).toBe(0x3f00_0000);
});

test("AR3: a full arena refuses, and goes on once there is room", () => {
  const arena = new Arena();
  const most = limits.hotArenaBytesMax - 64;
  expect(() => arena.allocate(most + 1)).toThrow(expect.objectContaining({ code: "overloaded" }));
  const address = arena.allocate(1_000);
  expect(() => arena.allocate(most)).toThrow(expect.objectContaining({ code: "overloaded" }));
  arena.free(address, 1_000);
  expect(arena.allocate(1_000)).toBe(address);
});

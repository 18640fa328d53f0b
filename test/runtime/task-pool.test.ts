import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyedTaskPool } from "../../src/runtime/task-pool.ts";

describe("tasks in flight", () => {
  it("never exceed the bound, keep the order of a key, and all run", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.nat(3)), { maxLength: 40 }),
        async (max, tasks) => {
          const inFlight = new KeyedTaskPool(max);
          const done = new Map<string, number[]>();
          const keys = new Set<string>();
          let running = 0;
          for (const [index, [key, turns]] of tasks.entries()) {
            await inFlight.start(key, async () => {
              expect(keys.has(key)).toBe(false);
              keys.add(key);
              running += 1;
              expect(running).toBeLessThanOrEqual(max);
              for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
              running -= 1;
              keys.delete(key);
              done.set(key, [...(done.get(key) ?? []), index]);
            });
          }
          await inFlight.idle();
          expect([...done.values()].flat()).toHaveLength(tasks.length);
          for (const order of done.values()) expect(order).toEqual(order.toSorted((x, y) => x - y));
        },
      ),
    );
  });

  it("that throw end the start of later ones and the wait for all", async () => {
    const inFlight = new KeyedTaskPool(1);
    await inFlight.start("a", async () => {
      throw new Error("broken");
    });
    await expect(inFlight.start("b", async () => {})).rejects.toThrow("broken");
    await expect(inFlight.idle()).rejects.toThrow("broken");
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InFlight } from "../../src/kernel/in-flight.ts";
import { settle } from "../support/manual-clock.ts";

/** A task that ends when told, and a log of who runs. */
function recorder() {
  const running: string[] = [];
  const started: string[] = [];
  const gates = new Map<string, () => void>();
  const task = (name: string) => async (): Promise<void> => {
    started.push(name);
    running.push(name);
    await new Promise<void>((resolve) => gates.set(name, resolve));
    running.splice(running.indexOf(name), 1);
  };
  return { running, started, task, end: (name: string) => gates.get(name)?.() };
}

describe("InFlight", () => {
  it("runs at most max tasks and holds the caller back", async () => {
    const { running, task, end } = recorder();
    const inFlight = new InFlight(2);
    await inFlight.start("a", task("a"));
    await inFlight.start("b", task("b"));
    let admitted = false;
    const third = inFlight.start("c", task("c")).then(() => {
      admitted = true;
    });
    await settle();
    expect({ admitted, running }).toEqual({ admitted: false, running: ["a", "b"] });
    end("b");
    await third;
    expect(running).toEqual(["a", "c"]);
  });

  it("runs tasks of one key one after the other, also when the caller does not await", async () => {
    const { running, started, task, end } = recorder();
    const inFlight = new InFlight(8);
    for (const name of ["k1", "k2", "k3"]) void inFlight.start("k", task(name));
    await settle();
    expect(running).toEqual(["k1"]);
    end("k1");
    await settle();
    expect(running).toEqual(["k2"]);
    end("k2");
    await settle();
    expect(running).toEqual(["k3"]);
    expect(started).toEqual(["k1", "k2", "k3"]);
  });

  it("is idle only when every task has ended, also those not let in yet", async () => {
    const { task, end, started } = recorder();
    const inFlight = new InFlight(1);
    void inFlight.start("a", task("a"));
    void inFlight.start("b", task("b"));
    let idle = false;
    const waiting = inFlight.idle().then(() => {
      idle = true;
    });
    await settle();
    end("a");
    await settle();
    expect({ idle, started }).toEqual({ idle: false, started: ["a", "b"] });
    end("b");
    await waiting;
  });

  it("tells the first failure at idle, and lets nothing more in", async () => {
    const inFlight = new InFlight(2);
    await inFlight.start("a", () => Promise.reject(new Error("first")));
    await expect(inFlight.idle()).rejects.toThrow("first");
    await expect(inFlight.start("b", () => Promise.resolve())).rejects.toThrow("first");
  });

  it("keeps bound and order per key for any list of tasks", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.record({ key: fc.constantFrom("a", "b", "c"), turns: fc.nat({ max: 3 }) })),
        async (max, tasks) => {
          const inFlight = new InFlight(max);
          const ended: { key: string; index: number }[] = [];
          const keys = new Set<string>();
          let running = 0;
          tasks.forEach(({ key, turns }, index) => {
            void inFlight.start(key, async () => {
              running += 1;
              expect(running).toBeLessThanOrEqual(max);
              expect(keys.has(key)).toBe(false);
              keys.add(key);
              for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
              keys.delete(key);
              running -= 1;
              ended.push({ key, index });
            });
          });
          await inFlight.idle();
          for (const key of ["a", "b", "c"]) {
            const order = ended.filter((task) => task.key === key).map((task) => task.index);
            expect(order).toEqual(order.toSorted((a, b) => a - b));
          }
          expect(ended).toHaveLength(tasks.length);
        },
      ),
    );
  });
});

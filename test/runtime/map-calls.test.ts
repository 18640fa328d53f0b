import { expect, it } from "vitest";
import { mapCalls } from "../../src/runtime/map-calls.ts";

interface Counter {
  add(by: number): Promise<number>;
  fail(): Promise<never>;
  all(): AsyncIterable<number>;
}

class RealCounter implements Counter {
  #sum = 0;

  add(by: number): Promise<number> {
    this.#sum += by;
    return Promise.resolve(this.#sum);
  }

  fail(): Promise<never> {
    return Promise.reject(new Error("broken"));
  }

  async *all(): AsyncGenerator<number> {
    yield this.#sum;
  }
}

function counted() {
  const seen: unknown[] = [];
  const counter = new RealCounter();
  const port: Counter = mapCalls<Counter>(
    counter,
    (call) =>
      async (...parameters) => {
        seen.push(parameters);
        return await call(...parameters);
      },
    { all: () => counter.all() },
  );
  return { port, seen };
}

it("each call goes through, with its parameters, and comes back with its result", async () => {
  const { port, seen } = counted();
  expect(await port.add(2)).toBe(2);
  expect(await port.add(3)).toBe(5);
  await expect(port.fail()).rejects.toThrow("broken");
  expect(seen).toEqual([[2], [3], []]);
});

it("what is given is taken as it is", async () => {
  const { port, seen } = counted();
  const values: number[] = [];
  for await (const value of port.all()) values.push(value);
  expect(values).toEqual([0]);
  expect(seen).toEqual([]);
});

it("a call keeps its object, also where it is taken off the port", async () => {
  const { port } = counted();
  const { add } = port;
  expect(await add(1)).toBe(1);
  expect(port.add).toBe(port.add);
});

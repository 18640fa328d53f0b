import { expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { Semaphore } from "../../src/runtime/semaphore.ts";

function start(total: number, waitingMax = 10) {
  const semaphore = new Semaphore({ total, waitingMax });
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const run = (name: string, signal?: AbortSignal): Promise<string> =>
    semaphore.run(async () => {
      begun.push(name);
      await new Promise<void>((resolve) => ends.set(name, resolve));
      return name;
    }, signal);
  const end = (name: string): void => ends.get(name)?.();
  return { semaphore, begun, run, end, settle };
}

it("SE1: no more than its total run, and the rest in the order of the calls", async () => {
  const { begun, run, end, settle } = start(2);
  const all = ["a", "b", "c", "d"].map((name) => run(name));
  await settle();
  expect(begun).toEqual(["a", "b"]);
  end("b");
  expect(await all[1]).toBe("b");
  expect(begun).toEqual(["a", "b", "c"]);
  for (const name of ["a", "c"]) end(name);
  await Promise.all([all[0], all[2]]);
  await settle();
  end("d");
  expect(await all[3]).toBe("d");
});

it("SE2: a caller that goes is answered at once, and its place in the queue is another's", async () => {
  const { begun, run, end, settle } = start(1);
  const leaving = new AbortController();
  const first = run("a");
  const gone = run("b", leaving.signal);
  const next = run("c");
  leaving.abort();
  await expect(gone).rejects.toMatchObject({ code: "cancelled" });
  await expect(run("d", leaving.signal)).rejects.toMatchObject({ code: "cancelled" });
  end("a");
  await first;
  await settle();
  expect(begun).toEqual(["a", "c"]);
  end("c");
  await next;
});

it("a queue that is full refuses, and what fails gives its place back", async () => {
  const { semaphore, run, end, settle } = start(1, 1);
  const first = run("a");
  const waiting = run("b");
  await expect(run("c")).rejects.toMatchObject({ code: "overloaded" });
  end("a");
  await first;
  await settle();
  end("b");
  await waiting;
  await expect(semaphore.run(() => Promise.reject(new Error("no")), undefined)).rejects.toThrow();
  const last = run("d");
  await settle();
  end("d");
  expect(await last).toBe("d");
});

it("SE2: a close answers what waits and what comes later, and waits for what runs", async () => {
  const { semaphore, run, end } = start(1);
  const first = run("a");
  const waiting = run("b");
  const closed = semaphore.close(new FreshetError("embedding_unavailable"));
  await expect(waiting).rejects.toMatchObject({ code: "embedding_unavailable" });
  await expect(run("c")).rejects.toMatchObject({ code: "embedding_unavailable" });
  end("a");
  expect(await first).toBe("a");
  await closed;
});

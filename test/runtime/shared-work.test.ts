import { expect, it } from "vitest";
import { SharedWorks } from "../../src/runtime/shared-work.ts";
import { codeOf } from "../support/promises.ts";

function setUp() {
  const works = new SharedWorks<string>();
  const begun: { signal: AbortSignal; end: PromiseWithResolvers<string> }[] = [];
  const join = (key = "key", caller = new AbortController()) => {
    const outcome = works.do(
      key,
      (signal) => {
        const end = Promise.withResolvers<string>();
        begun.push({ signal, end });
        return end.promise;
      },
      caller.signal,
    );
    outcome.catch(() => {});
    return { outcome, caller };
  };
  return { join, begun };
}

it("equal work is begun once, and each caller is told whether it is another's", async () => {
  const { join, begun } = setUp();
  const [first, second] = [join(), join()];
  join("other");
  expect(begun).toHaveLength(2);
  begun[0]?.end.resolve("done");
  expect(await first.outcome).toEqual({ value: "done", isShared: false });
  expect(await second.outcome).toEqual({ value: "done", isShared: true });
});

it("a caller that leaves does not end the work of the others, also the one that began it", async () => {
  const { join, begun } = setUp();
  const [first, second] = [join(), join()];
  first.caller.abort();
  expect(await codeOf(first.outcome)).toBe("cancelled");
  expect(begun[0]?.signal.aborted).toBe(false);
  begun[0]?.end.resolve("done");
  expect((await second.outcome).value).toBe("done");
});

it("when the last caller has left the work is told to end, and the next caller begins anew", async () => {
  const { join, begun } = setUp();
  const [first, second] = [join(), join()];
  first.caller.abort();
  second.caller.abort();
  await codeOf(second.outcome);
  expect(begun[0]?.signal.aborted).toBe(true);
  const third = join();
  expect(begun).toHaveLength(2);
  begun[0]?.end.reject(new Error("abandoned"));
  const fourth = join();
  expect(begun).toHaveLength(2);
  begun[1]?.end.resolve("new");
  expect((await third.outcome).value).toBe("new");
  expect(await fourth.outcome).toEqual({ value: "new", isShared: true });
});

it("what failed is not kept: each caller gets the failure, the next one begins anew", async () => {
  const { join, begun } = setUp();
  const [first, second] = [join(), join()];
  begun[0]?.end.reject(new Error("no"));
  await expect(first.outcome).rejects.toThrow("no");
  await expect(second.outcome).rejects.toThrow("no");
  join();
  expect(begun).toHaveLength(2);
});

import { expect, it } from "vitest";
import { Places } from "../../src/kernel/places.ts";

const never = new AbortController().signal;

it("lets so many run at once and the next as soon as one ends, also by a failure", async () => {
  const places = new Places(2);
  const works = Array.from({ length: 4 }, () => Promise.withResolvers<number>());
  const begun: number[] = [];
  const runs = works.map(({ promise }, index) =>
    places.run(() => {
      begun.push(index);
      return promise;
    }, never),
  );
  await Promise.resolve();
  expect(begun).toEqual([0, 1]);
  works[1]?.reject(new Error("broken"));
  await expect(runs[1]).rejects.toThrow("broken");
  expect(begun).toEqual([0, 1, 2]);
  works[0]?.resolve(7);
  expect(await runs[0]).toBe(7);
  expect(begun).toEqual([0, 1, 2, 3]);
});

it("takes nobody's place when who waits gives up", async () => {
  const places = new Places(1);
  const first = Promise.withResolvers<void>();
  const running = places.run(() => first.promise, never);
  const leaving = new AbortController();
  const left = places.run(() => expect.fail("it had given up"), leaving.signal);
  leaving.abort();
  expect(await left).toBeUndefined();
  first.resolve();
  await running;
  expect(await places.run(async () => "next", never)).toBe("next");
});

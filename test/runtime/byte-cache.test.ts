import fc from "fast-check";
import { expect, it } from "vitest";
import { ByteCache } from "../../src/runtime/byte-cache.ts";

const overhead = 256 + 2; // and a key of one letter

function setUp(options: { bytesMax?: number; ownerBytesMax?: number } = {}) {
  let nowMs = 0;
  const { bytesMax = 10 * (overhead + 100), ownerBytesMax = bytesMax } = options;
  const cache = new ByteCache<string>({
    ...{ bytesMax, ownerBytesMax, keptMs: 1_000 },
    now: () => nowMs,
  });
  const put = (owner: string, key: string) => cache.set(owner, key, { value: key, bytes: 100 });
  return { cache, put, pass: (ms: number) => (nowMs += ms) };
}

it("BC1: the least recently used entry makes room, and one that was used stays", () => {
  const { cache, put } = setUp();
  for (const key of "abcdefghij") put("acme", key);
  expect(cache.get("acme", "a")).toBe("a");
  put("acme", "k");
  expect(cache.get("acme", "b")).toBeUndefined();
  expect(cache.get("acme", "a")).toBe("a");
});

it("BC1: an entry larger than its owner's bound is not kept, and pushes nothing out", () => {
  const { cache, put } = setUp({ ownerBytesMax: 1_000 });
  put("acme", "a");
  cache.set("acme", "b", { value: "b", bytes: 5_000 });
  expect(cache.get("acme", "b")).toBeUndefined();
  expect(cache.get("acme", "a")).toBe("a");
});

it("BC2: a flood of one owner pushes out its own entries (I9)", () => {
  const { cache, put } = setUp();
  for (const key of "xyz") put("globex", key);
  for (let flood = 0; flood < 1_000; flood += 1) put("acme", String.fromCodePoint(1_000 + flood));
  for (const key of "xyz") expect(cache.get("globex", key)).toBe(key);
});

it("BC3: an entry counts until its time is over, and its bytes are free then", () => {
  const { cache, put, pass } = setUp();
  put("acme", "a");
  pass(999);
  expect(cache.get("acme", "a")).toBe("a");
  pass(1);
  expect(cache.get("acme", "a")).toBeUndefined();
  expect(cache.bytes).toBe(0);
});

it("BC3: what is over makes room, whether it is asked for or not", () => {
  const { cache, put, pass } = setUp();
  for (const key of "abc") put("acme", key);
  pass(1_000);
  put("globex", "a");
  expect(cache.bytes).toBe(overhead + 100);
});

it("BC4: what was begun before its owner was forgotten is not kept, what is begun after it is", async () => {
  const { cache } = setUp();
  const gate = Promise.withResolvers<void>();
  const make = (owner: string, key: string, wait: Promise<void> = Promise.resolve()) =>
    cache.making(owner, async (keep) => {
      await wait;
      keep(key, { value: key, bytes: 1 });
      return key;
    });
  const [own, others] = [make("acme", "a", gate.promise), make("globex", "a", gate.promise)];
  cache.forget("acme");
  await make("acme", "b");
  gate.resolve();
  expect([await own, await others]).toEqual(["a", "a"]);
  expect([cache.get("acme", "a"), cache.get("globex", "a")]).toEqual([undefined, "a"]);
  expect(cache.get("acme", "b")).toBe("b");
});

it("BC1: whatever comes, the bounds hold, and what is given out was put last under its key", () => {
  const owner = fc.constantFrom("acme", "globex", "initech");
  const key = fc.constantFrom(..."abcdef");
  const steps = fc.array(fc.tuple(owner, key, fc.nat(900), fc.boolean()), { maxLength: 80 });
  fc.assert(
    fc.property(steps, (all) => {
      const cache = new ByteCache<number>({
        ...{ bytesMax: 4_000, ownerBytesMax: 2_000, keptMs: 1_000 },
        now: () => 0,
      });
      const last = new Map<string, number>();
      for (const [index, [who, what, bytes, isRead]] of all.entries()) {
        const found = isRead ? cache.get(who, what) : undefined;
        if (found !== undefined) expect(found).toBe(last.get(`${who}${what}`));
        if (isRead) continue;
        cache.set(who, what, { value: index, bytes });
        last.set(`${who}${what}`, index);
        expect(cache.get(who, what)).toBe(index); // Each fits alone.
        expect(cache.bytes).toBeLessThanOrEqual(4_000);
      }
    }),
  );
});

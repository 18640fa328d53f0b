import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PostingPool } from "../../src/hot/posting-pool.ts";
import { type Posting, Postings } from "../../src/hot/postings.ts";

function listOf(postings: Postings, term: string): Posting[] {
  const number = postings.numberOf(term);
  if (number === undefined) return [];
  const cursor = postings.read(number);
  const list: Posting[] = [];
  while (cursor.next()) {
    const { row, count, inTitle } = cursor;
    list.push({ row, count, inTitle });
  }
  return list;
}

const terms = ["a", "bb", "a term that is longer than a slice"];
const posting = fc.record({
  row: fc.oneof(fc.nat(40), fc.nat(2 ** 24)),
  count: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 300 }), fc.nat(2 ** 30)),
  inTitle: fc.oneof(fc.constant(0), fc.nat(200)),
});
const added = fc.array(fc.tuple(fc.constantFrom(...terms), posting), { maxLength: 400 });

describe("packed postings", () => {
  test("say what was added, in its order, and after a round of sweeping what of it lives", () => {
    fc.assert(
      fc.property(added, fc.integer({ min: 1, max: 5 }), fc.nat(6), (all, lists, live) => {
        const postings = new Postings();
        const expected = new Map<string, Posting[]>();
        for (const [term, each] of all) {
          // A posting without occurrences is none.
          const own = { ...each, count: Math.max(1, each.count) };
          postings.add(term, own);
          expected.set(term, [...(expected.get(term) ?? []), own]);
        }
        for (const term of terms) expect(listOf(postings, term)).toEqual(expected.get(term) ?? []);
        const isLive = (row: number): boolean => row % 7 <= live;
        while (!postings.sweep(lists, isLive));
        for (const term of terms) {
          const left = (expected.get(term) ?? []).filter(({ row }) => isLive(row));
          expect(listOf(postings, term)).toEqual(left);
          const number = postings.numberOf(term);
          expect(number === undefined ? 0 : postings.count(number)).toBe(left.length);
        }
        // What was swept makes room for what comes.
        for (const [term, each] of all) postings.add(term, { ...each, count: 2 });
        for (const term of terms) {
          const again = all.filter(([own]) => own === term).map(([, { row }]) => row);
          const rows = listOf(postings, term).map(({ row }) => row);
          expect(rows.slice(rows.length - again.length)).toEqual(again);
        }
      }),
    );
  });

  test("a rare term takes a few bytes, and a common one less than two for each row", () => {
    const postings = new Postings();
    const count = 20_000;
    for (let row = 0; row < count; row += 1) {
      postings.add("common", { row, count: 1, inTitle: 0 });
    }
    expect(postings.bytes).toBeLessThan(2 * count);
  });
});

test("PP1, PP2: extents keep apart, and one that was given back is handed out again", () => {
  const bytes = fc.array(fc.oneof(fc.nat(40), fc.nat(70_000)), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(59)), (wanted, given) => {
      const pool = new PostingPool();
      const taken = new Map<number, { size: number; mark: number }>();
      const take = (amount: number, mark: number): void => {
        const size = pool.sizeFor(amount);
        expect(pool.bytesOf(size)).toBeGreaterThanOrEqual(amount);
        const place = pool.take(size);
        expect(taken.has(place)).toBe(false);
        taken.set(place, { size, mark });
        const start = pool.offset(place);
        pool.page(place).fill(mark, start, start + pool.bytesOf(size));
      };
      for (const [index, amount] of wanted.entries()) take(amount, index + 1);
      for (const index of given) {
        const [place, extent] = [...taken][index] ?? [];
        if (place === undefined || extent === undefined) continue;
        taken.delete(place);
        pool.give(place, extent.size);
        const before = pool.bytes;
        take(pool.bytesOf(extent.size), extent.mark + 100);
        expect(pool.bytes).toBe(before);
      }
      for (const [place, { size, mark }] of taken) {
        const start = pool.offset(place);
        const own = pool.page(place).subarray(start, start + pool.bytesOf(size));
        expect(own.length).toBe(pool.bytesOf(size));
        expect(own.every((byte) => byte === mark % 256)).toBe(true);
      }
    }),
    { numRuns: 50 },
  );
});

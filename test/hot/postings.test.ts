import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PostingPool } from "../../src/hot/posting-pool.ts";
import { type Posting, Postings } from "../../src/hot/postings.ts";
import { runs } from "../support/runs.ts";

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

  test("take less than two and a half bytes each, where some terms are common and most are rare", () => {
    const postings = new Postings();
    let count = 0;
    let terms = 0;
    for (let row = 0; row < 6_000; row += 1) {
      for (let term = 0; term < 40; term += 1) {
        // In every row, in every second, third, and so on.
        if (row % (term + 1) !== 0) continue;
        postings.add(`common ${term}`, { row, count: 1, inTitle: 0 });
        count += 1;
      }
      if (row % 10 !== 0) continue;
      postings.add(`rare ${row}`, { row, count: 1, inTitle: 0 });
      terms += 1;
    }
    expect(postings.bytes - 96 * (terms + 40)).toBeLessThan(2.5 * (count + terms));
  });
});

test("PX1, PX2: extents keep apart, and one that was given back is handed out again", () => {
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
        const before = pool.bytes;
        pool.give(place, extent.size);
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
    { numRuns: runs(50) },
  );
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Fingerprint } from "../../src/contract/ids.ts";
import { FingerprintTable, fingerprintIn, wordsOf } from "../../src/heads/fingerprint-table.ts";

/** Evenly spread like SHA-256, without its cost: two rounds of a 32-bit mixer a word. */
function spread(index: number): Uint32Array {
  return Uint32Array.from({ length: 4 }, (_, word) => {
    let x = (index * 4 + word + 1) >>> 0;
    for (let round = 0; round < 2; round += 1) {
      x = Math.imul(x ^ (x >>> 16), 0x7feb352d) >>> 0;
      x = Math.imul(x ^ (x >>> 15), 0x846ca68b) >>> 0;
      x = (x ^ (x >>> 16)) >>> 0;
    }
    return x;
  });
}

function filled(count: number): FingerprintTable {
  const table = new FingerprintTable();
  for (let index = 0; index < count; index += 1) table.set(spread(index), index + 1);
  return table;
}

/** Few second words, so that probes run into each other and around the table's end. */
const crowded = fc
  .tuple(fc.constantFrom(0, 1, 0xffffffff, 0xfffffffe, 0x80000000), fc.nat({ max: 3 }))
  .map(([second, last]) => Uint32Array.of(last, second, 0, 7));

describe("a table of fingerprints", () => {
  it("holds what was set last and not what was deleted, like a map (FT1)", () => {
    const step = fc.tuple(crowded, fc.option(fc.integer({ min: 1, max: 9 }), { freq: 2 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const table = new FingerprintTable();
        const model = new Map<Fingerprint, number>();
        for (const [words, value] of steps) {
          const fingerprint = fingerprintIn(words);
          if (value === null) {
            table.delete(words);
            model.delete(fingerprint);
          } else {
            table.set(words, value);
            model.set(fingerprint, value);
          }
          expect(table.size).toBe(model.size);
        }
        const entries = [...table.entries()].map(({ words, value }) => [
          fingerprintIn(words),
          value,
        ]);
        expect(entries).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)));
        for (const [fingerprint, value] of model)
          expect(table.get(wordsOf(fingerprint))).toBe(value);
      }),
    );
  });

  it("holds a hundred thousand entries, in order, before and after half are deleted", () => {
    const count = 100_000;
    const table = filled(count);
    for (let index = 0; index < count; index += 2) table.delete(spread(index));
    expect(table.size).toBe(count / 2);
    let last = "";
    for (const { words } of table.entries()) {
      const fingerprint = fingerprintIn(words);
      expect(fingerprint > last).toBe(true);
      last = fingerprint;
    }
    for (let index = 0; index < count; index += 97) {
      expect(table.get(spread(index))).toBe(index % 2 === 0 ? undefined : index + 1);
    }
  });

  it.each([500, 5_000, 30_000, 40_000, 200_000])(
    "takes at most 40 bytes an entry with %d entries (FT2)",
    (count) => {
      expect(filled(count).bytes / count).toBeLessThanOrEqual(40);
    },
  );

  it("takes nothing before its first entry, and little for a few", () => {
    expect(new FingerprintTable().bytes).toBe(0);
    expect(filled(3).bytes).toBeLessThanOrEqual(8 * 24);
  });

  it("is not changed by what happens to a copy", () => {
    const table = filled(10);
    const copy = table.copy();
    copy.delete(spread(1));
    copy.set(spread(2), 99);
    expect([table.get(spread(1)), table.get(spread(2)), table.size]).toEqual([2, 3, 10]);
  });

  it.each([0, 1.5, Number.NaN, 2 ** 53])("refuses a value that it could not tell: %d", (value) => {
    expect(() => new FingerprintTable().set(spread(0), value)).toThrow(/whole number/);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dotProduct, onGrid } from "../../src/contract/vector.ts";
import { numbersOf, placeLinks } from "../../src/hot/graph-links.ts";
import { codeBytes, createVectorMemory, lowBytes, widthOf } from "../../src/hot/simd.ts";
import { runs } from "../support/runs.ts";
import { clustered, unit } from "./documents.ts";
import { everyLink } from "./links.ts";

const memory = createVectorMemory();
const { arena, simd } = memory;

/** Rows in the arena, all of them live unless `accepts` says otherwise. */
function place(vectors: readonly Float32Array[], accepts: (index: number) => boolean = () => true) {
  const width = widthOf(vectors[0]?.length ?? 1);
  const lowsAt = arena.allocate(vectors.length * lowBytes(width));
  const codesAt = arena.allocate(vectors.length * codeBytes(width));
  const words = Math.ceil(vectors.length / 32);
  const maskAt = arena.allocate(words * 4);
  arena.u32.fill(0, maskAt / 4, maskAt / 4 + words);
  for (const [index, vector] of vectors.entries()) {
    simd.pack(vector, {
      codesAt: codesAt + index * codeBytes(width),
      lowsAt: lowsAt + index * lowBytes(width),
    });
    const word = maskAt / 4 + (index >> 5);
    if (accepts(index)) arena.u32[word] = (arena.u32[word] ?? 0) | (1 << (index & 31));
  }
  const addresses = { lowsAt, codesAt };
  return { addresses, maskAt, rows: vectors.length };
}

function best(vectors: readonly Float32Array[], vector: Float32Array, limit: number): number[] {
  return vectors
    .map((own) => dotProduct(onGrid(own), vector))
    .toSorted((left, right) => right - left)
    .slice(0, limit);
}

function taken(): { id: number; score: number }[] {
  const pairs: { id: number; score: number }[] = [];
  simd.take((id, score) => pairs.push({ id, score }));
  return pairs.toSorted((left, right) => right.score - left.score);
}

const number = fc.double({ min: -1, max: 1, noNaN: true });
/** Also lopsided ones, where a few numbers are large: codes are coarse there. */
const vectorOf = (dimensions: number) =>
  fc
    .tuple(
      fc.array(number, { minLength: dimensions, maxLength: dimensions }),
      fc.nat(dimensions - 1),
      fc.constantFrom(0, 3, 1_000),
    )
    .map(([numbers, at, spike]) => {
      const lopsided = numbers.map((value, index) => (index === at ? value + spike : value));
      return unit(...lopsided.map((value) => value + 1e-3));
    });

describe("a packed row", () => {
  test.each([2, 3, 31, 64, 100, 384])(
    "of %i dimensions has the numbers of the grid, and the product of `dotProduct`, to the last bit",
    (dimensions) => {
      fc.assert(
        fc.property(vectorOf(dimensions), vectorOf(dimensions), (own, question) => {
          const { addresses } = place([own]);
          const expected = onGrid(own);
          expect(simd.unpack(addresses, dimensions)).toEqual(expected);
          expect(numbersOf(arena.memory, addresses, { row: 0, dimensions })).toEqual([...expected]);
          simd.begin({ vector: question, limit: 1 });
          expect(simd.precise(addresses, dimensions)).toBe(dotProduct(expected, question));
        }),
        { numRuns: runs(60) },
      );
    },
  );
});

describe("SD1, SD2: a scan", () => {
  test.each([3, 64, 100])("of %i dimensions finds the exact best of any rows", (dimensions) => {
    fc.assert(
      fc.property(
        fc.array(vectorOf(dimensions), { minLength: 1, maxLength: 70 }),
        vectorOf(dimensions),
        fc.integer({ min: 1, max: 12 }),
        (vectors, vector, limit) => {
          const { addresses, maskAt, rows } = place(vectors);
          simd.begin({ vector, limit });
          simd.scan({ ...addresses, maskAt, rows, base: 1_000 });
          const found = taken();
          const wanted = best(vectors, vector, limit);
          expect(found).toHaveLength(wanted.length);
          for (const [index, { id, score }] of found.entries()) {
            expect(score).toBeCloseTo(wanted[index] ?? Number.NaN, 5);
            // The score is that of the row it is said to be of.
            expect(score).toBeCloseTo(
              dotProduct(onGrid(vectors[id - 1_000] ?? unit(1)), vector),
              5,
            );
          }
        },
      ),
      { numRuns: runs(80) },
    );
  });

  test("SD2: passes over rows that are nearly as good as the best only where that is proved", () => {
    // All within a thousandth of each other: far below what codes can tell apart.
    const base = clustered(1, { dimensions: 384, clusters: 1, seed: 5 })[0] ?? unit(1);
    const noise = clustered(2_000, { dimensions: 384, clusters: 50, seed: 6 });
    const vectors = noise.map((own) =>
      unit(...base.map((value, at) => value + (own[at] ?? 0) / 500)),
    );
    const { addresses, maskAt, rows } = place(vectors);
    for (const vector of noise.slice(0, 20)) {
      simd.begin({ vector, limit: 10 });
      simd.scan({ ...addresses, maskAt, rows, base: 0 });
      const wanted = best(vectors, vector, 10);
      for (const [index, { score }] of taken().entries()) {
        expect(score).toBeCloseTo(wanted[index] ?? Number.NaN, 6);
      }
    }
  });

  test("SD4: offers only rows of the mask", () => {
    const vectors = clustered(500, { dimensions: 48, clusters: 5, seed: 1 });
    const accepts = (index: number): boolean => index % 7 === 3;
    const { addresses, maskAt, rows } = place(vectors, accepts);
    simd.begin({ vector: vectors[0] ?? unit(1), limit: 20 });
    simd.scan({ ...addresses, maskAt, rows, base: 0 });
    const found = taken();
    expect(found).toHaveLength(20);
    expect(found.every(({ id }) => accepts(id))).toBe(true);
  });

  test("goes on from the best of the blocks before", () => {
    const vectors = clustered(200, { dimensions: 32, clusters: 4, seed: 2 });
    const vector = vectors[150] ?? unit(1);
    simd.begin({ vector, limit: 5 });
    for (const [at, part] of [vectors.slice(0, 100), vectors.slice(100)].entries()) {
      const { addresses, maskAt, rows } = place(part);
      simd.scan({ ...addresses, maskAt, rows, base: at * 100 });
    }
    const wanted = best(vectors, vector, 5);
    expect(taken().map(({ score }) => score.toFixed(4))).toEqual(
      wanted.map((score) => score.toFixed(4)),
    );
  });
});

describe("SD3, SD4: a walk", () => {
  const vectors = clustered(200, { dimensions: 64, clusters: 8, seed: 3 });

  function walk(vector: Float32Array, accepts: (index: number) => boolean, breadth: number) {
    const { addresses, maskAt, rows } = place(vectors, accepts);
    const graph = placeLinks(arena, everyLink(rows), addresses);
    simd.begin({ vector, limit: 10 });
    simd.search({ graphAt: graph.address, rows, maskAt, base: 7, breadth });
    arena.free(graph.address, graph.bytes);
    return taken();
  }

  test("scores what it finds by f32, and finds the best where every row is a neighbour", () => {
    for (const vector of clustered(20, { dimensions: 64, clusters: 8, seed: 3 })) {
      const found = walk(vector, () => true, 64);
      const wanted = best(vectors, vector, 10);
      for (const [index, { score }] of found.entries()) {
        expect(score).toBeCloseTo(wanted[index] ?? Number.NaN, 5);
      }
      expect(found).toHaveLength(10);
    }
  });

  test("goes through rows outside of the mask and offers none of them, also when few are inside", () => {
    const [vector = unit(1)] = clustered(1, { dimensions: 64, clusters: 8, seed: 4 });
    for (const every of [2, 40]) {
      const accepts = (index: number): boolean => index % every === 1;
      const found = walk(vector, accepts, 64);
      const mine = vectors.filter((_, index) => accepts(index));
      expect(found.every(({ id }) => accepts(id - 7))).toBe(true);
      expect(found.map(({ score }) => score.toFixed(4))).toEqual(
        best(mine, vector, 10).map((score) => score.toFixed(4)),
      );
    }
  });

  test.each([3, 64, 100])(
    "in %i dimensions loses none of what it found to the coarseness of codes",
    (dimensions) => {
      fc.assert(
        fc.property(
          fc.array(vectorOf(dimensions), { minLength: 2, maxLength: 60 }),
          vectorOf(dimensions),
          fc.integer({ min: 1, max: 5 }),
          (rows, vector, limit) => {
            const { addresses, maskAt } = place(rows);
            const graph = placeLinks(arena, everyLink(rows.length), addresses);
            simd.begin({ vector, limit });
            simd.search({
              graphAt: graph.address,
              rows: rows.length,
              maskAt,
              base: 0,
              breadth: 64,
            });
            arena.free(graph.address, graph.bytes);
            const wanted = best(rows, vector, limit);
            for (const [index, { score }] of taken().entries()) {
              expect(score).toBeCloseTo(wanted[index] ?? Number.NaN, 5);
            }
          },
        ),
        { numRuns: runs(200) },
      );
    },
  );

  test("finds nothing where nothing is in the mask", () => {
    expect(walk(vectors[0] ?? unit(1), () => false, 16)).toEqual([]);
  });
});

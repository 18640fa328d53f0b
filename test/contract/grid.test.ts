import fc from "fast-check";
import { expect, test } from "vitest";
import { dotProduct, onGrid } from "../../src/contract/vector.ts";
import { clustered, unit } from "../hot/documents.ts";

const vectors = fc
  .array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 70 })
  .filter((numbers) => numbers.some((number) => Math.abs(number) > 1e-3))
  .map((numbers) => unit(...numbers));

test("a vector moves to the grid by at most half a step of its largest number, and stays there", () => {
  fc.assert(
    fc.property(vectors, (vector) => {
      const rounded = onGrid(vector);
      const most = Math.max(...vector.map(Math.abs));
      for (const [index, value] of rounded.entries()) {
        expect(Math.abs(value - (vector[index] as number))).toBeLessThanOrEqual(most / 1_018 / 2);
      }
      expect(onGrid(rounded)).toEqual(rounded);
    }),
  );
});

test("a last bit in which a vector differs is rounded away, nearly always", () => {
  const all = clustered(300, { dimensions: 384, clusters: 10, seed: 1 });
  const nudged = all.map((vector) => vector.map((value) => Math.fround(value * (1 + 2 ** -22))));
  const same = all.filter((vector, index) => {
    const other = onGrid(nudged[index] as Float32Array);
    return onGrid(vector).every((value, at) => value === other[at]);
  });
  expect(same.length).toBeGreaterThan(250);
});

test("in as many dimensions as a model has, cosines move by less than two ten-thousandths", () => {
  const all = clustered(2_000, { dimensions: 384, clusters: 50, seed: 2 });
  const question = all[7] as Float32Array;
  const moves = all.map((vector) =>
    Math.abs(dotProduct(vector, question) - dotProduct(onGrid(vector), question)),
  );
  expect(Math.max(...moves)).toBeLessThan(2e-4);
});

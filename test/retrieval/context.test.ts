import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Passage } from "../../src/contract/candidate.ts";
import { contextsOf } from "../../src/retrieval/context.ts";

/** Chunks of ten characters that overlap by three. */
const text = "0123456789".repeat(20);
const chunk = (number: number): Passage => {
  const start = number * 7;
  return { chunk: number, text: text.slice(start, start + 10), range: [start, start + 10] };
};
const document = (size: number) => (_place: string, number: number) =>
  number >= 0 && number < size ? chunk(number) : undefined;
const found = (place: string, number: number) => ({ ...chunk(number), place });

describe("the context of a passage", () => {
  test("a window has one neighbour on each side, and what overlaps is said once", () => {
    const options = { around: 1, charsMax: 1_000, read: document(9) };
    expect(contextsOf([found("d", 4)], options)).toEqual([
      { text: text.slice(21, 45), first: 3, last: 5 },
    ]);
  });

  test("at the ends of a document it has what there is", () => {
    const options = { around: 1, charsMax: 1_000, read: document(2) };
    expect(contextsOf([found("d", 0)], options)).toEqual([
      { text: text.slice(0, 17), first: 0, last: 1 },
    ]);
    expect(contextsOf([found("d", 0)], { ...options, read: document(1) })).toEqual([undefined]);
  });

  test("CX3: beyond a chunk that is missing nothing is read", () => {
    const read = (place: string, number: number) =>
      number === 5 ? undefined : document(9)(place, number);
    const [context] = contextsOf([found("d", 4)], { around: 3, charsMax: 1_000, read });
    expect(context).toMatchObject({ first: 1, last: 4 });
  });

  test("CX1: two passages of a document share no chunk; another version is another place", () => {
    const options = { around: 3, charsMax: 1_000, read: document(9) };
    const contexts = contextsOf([found("d", 4), found("d", 5), found("e", 4)], options);
    expect(contexts[0]).toMatchObject({ last: 4 });
    expect(contexts[1]).toMatchObject({ first: 5 });
    expect(contexts[2]).toMatchObject({ first: 1, last: 7 });
  });

  test("CX1, CX2: the passage is in its context, and the room is kept", () => {
    const places = fc.uniqueArray(
      fc.record({ place: fc.constantFrom("d", "e"), number: fc.nat(15) }),
      { selector: ({ place, number }) => `${place}${number}`, maxLength: 6 },
    );
    fc.assert(
      fc.property(places, fc.nat(300), fc.integer({ min: 1, max: 8 }), (at, charsMax, around) => {
        const passages = at.map(({ place, number }) => found(place, number));
        const contexts = contextsOf(passages, { around, charsMax, read: document(16) });
        const chars = contexts.reduce(
          (sum, context, index) => sum + (context?.text ?? passages[index]?.text ?? "").length,
          0,
        );
        expect(chars).toBeLessThanOrEqual(Math.max(charsMax, 10 * passages.length));
        const taken = new Set<string>();
        for (const [index, passage] of passages.entries()) {
          const context = contexts[index] ?? {
            ...passage,
            first: passage.chunk,
            last: passage.chunk,
          };
          expect(context.text).toContain(passage.text);
          for (let number = context.first; number <= context.last; number += 1) {
            expect(taken).not.toContain(`${passage.place}${number}`);
            taken.add(`${passage.place}${number}`);
          }
        }
      }),
    );
  });
});

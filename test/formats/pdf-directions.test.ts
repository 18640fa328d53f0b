/** Lines of Hebrew and Arabic as a browser prints them: what the library says of their pieces. */

import { describe, expect, test } from "vitest";
import { linesOf, type TextItem } from "../../src/ingest/formats/pdf-lines.ts";

type Piece = readonly [str: string, x: number, width: number];

function itemsOf(...lines: readonly (readonly Piece[])[]): readonly TextItem[] {
  return lines.flatMap((pieces, row) => [
    ...pieces.map(([str, x, width]): TextItem => {
      const transform = [10, 0, 0, 10, x, 700 - row * 20];
      return { str, width, height: 10, transform, hasEOL: false };
    }),
    { str: "", width: 0, height: 0, transform: [], hasEOL: true },
  ]);
}

const textsOf = (...lines: readonly (readonly Piece[])[]): readonly string[] =>
  linesOf(itemsOf(...lines)).map(({ text }) => text);

describe("a line of a PDF that is read from right to left", () => {
  test("has its words in order, and numbers and other scripts within them as they are", () => {
    const hebrew: readonly Piece[] = [
      ["בפנים.", 150, 34],
      [" ", 184, 5],
      ["PN-16 DN 50", 189, 60],
      [" ", 249, 5],
      ["וגם", 254, 16],
      [" ", 270, 5],
      [",2026", 275, 30],
      [" ", 305, 5],
      ["שלום עולם", 310, 60],
    ];
    const read = "שלום עולם 2026, וגם PN-16 DN 50 בפנים.";
    expect(textsOf(hebrew)).toEqual([read]);
    // Others draw in the order of reading, from the right; the places are the same.
    expect(textsOf(hebrew.toReversed())).toEqual([read]);
  });

  test("has the letters that people type, and no shapes of them", () => {
    const shapes: readonly Piece[] = [
      [".45", 289, 19],
      [" ", 308, 4],
      ["ﻢ", 312, 8],
      ["ﻗ", 320, 6],
      ["ر", 325, 5],
      [" ", 330, 5],
      ["ﺪ", 335, 6],
      ["ﻨ", 341, 4],
      ["ﺘ", 345, 4],
      ["ﺴ", 349, 11],
      ["ﻣ", 360, 6],
    ];
    expect(textsOf(shapes)).toEqual(["مستند رقم 45."]);
  });

  test("has numbers beside each other in their order, and brackets that open before they close", () => {
    const phone: readonly Piece[] = [
      ["(", 290, 4],
      ["مهم", 294, 15],
      [")", 309, 4],
      [" ", 313, 5],
      ["901820 30 49", 318, 60],
      ["+", 378, 6],
      [" ", 384, 5],
      ["هاتف", 389, 30],
    ];
    expect(textsOf(phone)).toEqual(["هاتف +49 30 901820 (مهم)"]);
  });

  test("has its vowels behind their letters, and no blanks before them", () => {
    const vowels: readonly Piece[] = [
      ["س", 430, 8],
      [" \u0652", 439, 0],
      [" ", 438, 0],
      ["ر", 438, 6],
      ["\u064e", 445, 0],
      ["د", 446, 5],
    ];
    expect(textsOf(vowels)).toEqual(["د\u064eر\u0652س"]);
  });

  test("keeps the cells of a row apart", () => {
    const row: readonly Piece[] = [
      ["الصنف", 400, 30],
      ["السعر", 300, 30],
      ["100", 200, 20],
    ];
    expect(textsOf(row)).toEqual(["الصنف السعر 100"]);
  });
});

test("a line of a PDF in English keeps its order around a word of Hebrew or Arabic", () => {
  const line: readonly Piece[] = [
    ["The word ", 40, 50],
    ["ﻢ", 90, 8],
    ["ﻼ", 98, 6],
    ["ﺳ", 104, 8],
    [" means peace (in 2 ways)", 112, 100],
  ];
  expect(textsOf(line)).toEqual(["The word سلام means peace (in 2 ways)"]);
});

/** What a page of a PDF says to its reader, as against the order in which it was drawn. */

import { deflateSync } from "node:zlib";
import { PDFDocument, type PDFFont, type PDFPage, StandardFonts } from "pdf-lib";
import { afterAll, describe, expect, test } from "vitest";
import { byColumns, linesOf, type TextItem } from "../../src/ingest/formats/pdf-lines.ts";
import { openFileReader } from "../../src/ingest/formats/reader.ts";

const reader = openFileReader();
afterAll(() => reader.close());

const leading = 14;
type Place = readonly [text: string, x: number, y: number];

async function textOf(pages: readonly (readonly Place[])[]): Promise<string> {
  const [part] = await partsOf(pages);
  return part !== undefined && "document" in part ? String(part.document["text"]) : "";
}

async function partsOf(
  pages: readonly (readonly Place[])[],
  draw: (page: PDFPage, number: number) => void = () => {},
) {
  const file = await PDFDocument.create();
  const font: PDFFont = await file.embedFont(StandardFonts.Helvetica);
  for (const [index, places] of pages.entries()) {
    const page = file.addPage([600, 800]);
    for (const [text, x, y] of places) page.drawText(text, { x, y, size: 11, font });
    draw(page, index + 1);
  }
  const bytes = await file.save();
  return reader.documentsOf({ id: "a.pdf", source: "a.pdf", kind: "pdf" }, bytes);
}

/** Line by line over the whole width, as some programs draw columns, and all of them tables. */
function acrossTheWidth(rows: readonly (readonly string[])[]): readonly Place[] {
  return rows.flatMap((row, at) =>
    row.map((text, column): Place => [text, 60 + column * 270, 700 - at * leading]),
  );
}

/** Lines of two columns as they were drawn, of letters as wide as they are high. */
const drawn = (rows: readonly (readonly string[])[]): readonly TextItem[] =>
  rows.flatMap((row, at) =>
    row.flatMap((str, column): TextItem[] => {
      const item = (text: string, width: number, hasEOL: boolean) => {
        const transform = [10, 0, 0, 10, 60 + column * 200, 700 - at * leading];
        return { str: text, hasEOL, width, height: 10, transform };
      };
      const isLast = column === row.length - 1;
      const gap = isLast ? [] : [item(" ", 40, false)];
      return [item(str, str.length * 10, isLast), ...gap];
    }),
  );
const readInOrder = (rows: readonly (readonly string[])[]): string =>
  byColumns(linesOf(drawn(rows)))
    .map(({ text }) => text)
    .join("\n");

describe("columns of a PDF in Chinese", () => {
  const left = [
    "本会自成立以来一直致力于推广",
    "城市供水系统的节能技术，并于",
    "去年完成了三座泵站的改造。",
  ];
  const right = [
    "改造之后，用电量比前一年减少",
    "了百分之十二，维护费用也明显",
    "下降，详情请见附件。",
  ];

  test("that were drawn line by line are read one after the other", () => {
    const rows = left.map((line, at) => [line, right[at] ?? ""]);
    expect(readInOrder(rows)).toBe([...left, ...right].join("\n"));
  });

  test("are cells where their lines end anywhere, and no sentences where nothing marks them", () => {
    const cells = [
      ["北京市第一自来水厂的取水口，东", "每日三十万立方米的最大供水"],
      ["上海市杨树浦水厂的历史馆", "每日一百四十万"],
      ["广州市西村水厂的老泵房", "每日一百万立方米"],
    ];
    const names = cells.map(([name = ""]) => [name.slice(0, 9), name.slice(0, 9)]);
    for (const rows of [cells, names]) {
      expect(readInOrder(rows)).toBe(rows.map((row) => row.join(" ")).join("\n"));
    }
  });
});

describe("columns of a PDF", () => {
  test("that were drawn line by line are read one after the other", async () => {
    const rows = [
      ["The committee reviewed the annual", "approved the budget for the"],
      ["report and", "coming fiscal year."],
    ];
    expect(await textOf([acrossTheWidth(rows)])).toBe(
      "## Page 1\n\nThe committee reviewed the annual\nreport and\napproved the budget for the\ncoming fiscal year.",
    );
  });

  test("may be of different lengths, below a title over both", async () => {
    const title: Place = ["Minutes of the spring meeting", 60, 730];
    const places = acrossTheWidth([
      ["The heating costs rose by nine", "The lift was out of order for"],
      ["per cent since the new boiler", "seven weeks and must be replaced"],
      ["was installed in the east wing.", "before the summer."],
      ["Nobody was against it."],
    ]);
    expect(await textOf([[title, ...places]])).toBe(
      [
        "## Page 1\n\nMinutes of the spring meeting\n",
        "The heating costs rose by nine\nper cent since the new boiler",
        "was installed in the east wing.\nNobody was against it.\n",
        "The lift was out of order for\nseven weeks and must be replaced\nbefore the summer.",
      ].join("\n"),
    );
  });

  test("end where a line goes over both, as below a list of terms", async () => {
    const terms: readonly Place[] = [
      ["x", 60, 700],
      ["a numeric vector that is to be cut", 130, 700],
      ["breaks", 60, 686],
      ["the points at which it is cut", 130, 686],
      ["which is what a histogram does before it counts the values of each class.", 60, 672],
      ["and what is not cut is left as it was, also where it is not a number.", 60, 658],
    ];
    const text = await textOf([terms]);
    expect(text).toContain("x a numeric vector that is to be cut\nbreaks the points at");
  });

  test("of a table stay beside each other", async () => {
    const rows = [
      ["Question of the inspector", "Answer of the caretaker"],
      ["Is the boiler room locked?", "Yes, the key is with the porter."],
      ["Who reads the water meters?", "Ann, on the first of each month."],
    ];
    expect(await textOf([acrossTheWidth(rows)])).toBe(
      `## Page 1\n\n${rows.map((row) => row.join(" ")).join("\n")}`,
    );
  });
});

describe("heads and feet of a PDF", () => {
  const count = 5;
  const numbers = Array.from({ length: count }, (_, at) => at + 1);

  test("are said once, also with the number of the page", async () => {
    const text = await textOf(
      numbers.map((number) => [
        ["Hillcrest Housing - confidential", 60, 775],
        [`Chapter ${number} is about boilers.`, 60, 600],
        [`Page ${number + 2} of 40`, 280, 20],
      ]),
    );
    expect(text.match(/confidential/g)).toHaveLength(1);
    expect(text.match(/ of 40/g)).toHaveLength(1);
    expect(text.match(/Chapter \d is about boilers\./g)).toHaveLength(count);
  });

  test("that differ, and what a page says elsewhere, stay on each page", async () => {
    const text = await textOf(
      numbers.map((number) => [
        [`Account ${number * 1_117}`, 60, 775],
        ["Nothing to report.", 60, 600],
      ]),
    );
    expect(text.match(/Account \d+/g)).toHaveLength(count);
    expect(text.match(/Nothing to report/g)).toHaveLength(count);
  });
});

test("words that a PDF draws twice, as a shadow or as bold, are there once", async () => {
  const title = "Rules of the house";
  const text = await textOf([
    [
      [title, 60, 700],
      [title, 60.3, 700],
      ["No shoes in the hall. ", 60, 640],
      ["No shoes in the hall. ", 260, 640],
    ],
  ]);
  expect(text).toBe(`## Page 1\n\n${title}\n\nNo shoes in the hall. No shoes in the hall.`);
});

describe("a PDF with pages that have no text layer", () => {
  const typed: readonly Place[] = [["The contract begins in May.", 60, 700]];

  test("says which pages are pictures, and has the text of the others", async () => {
    const picture = (page: PDFPage): void => {
      const image = page.doc.context.stream(deflateSync(Buffer.alloc(64 * 64, 90)), {
        Type: "XObject",
        Subtype: "Image",
        Width: 64,
        Height: 64,
        BitsPerComponent: 8,
        ColorSpace: "DeviceGray",
        Filter: "FlateDecode",
      });
      const name = page.node.newXObject("Scan", page.doc.context.register(image));
      const paint = page.doc.context.stream(`q 500 0 0 700 50 50 cm ${name} Do Q`);
      page.node.addContentStream(page.doc.context.register(paint));
    };
    const scanned = new Set([2, 3, 5]);
    const parts = await partsOf([typed, [], [], typed, []], (page, number) => {
      if (scanned.has(number)) picture(page);
    });
    expect(parts).toMatchObject([
      { document: { text: expect.stringContaining("## Page 4") } },
      { skipped: "scan", detail: "no text layer: page 2-3, 5" },
    ]);
  });

  test("takes letters of a font that does not say which they are for a picture", async () => {
    const codes = Array.from("Secret code", (letter) => letter.charCodeAt(0).toString(16));
    const map = codes.map((code) => `<${code}> <E0${code}>`).join("\n");
    const garbled = (page: PDFPage): void => {
      const { context } = page.doc;
      const cmap = context.stream(
        `/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <FF> endcodespacerange ${codes.length} beginbfchar ${map} endbfchar endcmap end`,
      );
      const font = context.obj({
        Type: "Font",
        Subtype: "Type1",
        BaseFont: "Helvetica",
        ToUnicode: context.register(cmap),
      });
      const name = page.node.newFontDictionary("F", context.register(font));
      const paint = context.stream(`BT ${name} 12 Tf 60 700 Td (Secret code) Tj ET`);
      page.node.addContentStream(context.register(paint));
    };
    const parts = await partsOf([typed, []], (page, number) => {
      if (number === 2) garbled(page);
    });
    expect(parts).toMatchObject([
      { document: { text: "## Page 1\n\nThe contract begins in May." } },
      { skipped: "scan", detail: "no text layer: page 2" },
    ]);
    expect(await partsOf([[]], garbled)).toEqual([{ skipped: "scan" }]);
  });

  test("loses nothing by empty ones", async () => {
    expect(await partsOf([typed, [], typed])).toMatchObject([{ document: {} }]);
    expect(await partsOf([typed, [], typed])).toHaveLength(1);
  });
});

/** Words of a PDF: cut at the end of a line, turned on their side, with the number of a foot note. */

import { degrees, PDFDocument, StandardFonts } from "pdf-lib";
import { afterAll, describe, expect, test } from "vitest";
import { compoundsIn, joinWords } from "../../src/ingest/formats/pdf-words.ts";
import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { cpuMs } from "../support/cpu-time.ts";
import { readNamed } from "./support.ts";

const reader = openFileReader();
afterAll(() => reader.close());

describe("a word that a line ends within", () => {
  test.each([
    ["is whole where only the line cut it", "a regu-\nlation", "a regulation"],
    ["keeps a hyphen that it has elsewhere", "the price-\ndetermining", "the price-determining"],
    ["keeps a hyphen before a name", "Anna-\nLena", "Anna-Lena"],
    ["keeps a hyphen between numbers and codes", "COVID-\n19, 12-\n14", "COVID-19, 12-14"],
    ["keeps that of an address", "https://a.example/long-\npath", "https://a.example/long-path"],
    [
      "waits for its other half",
      "Segel- und Sail-\nund Motor-\nand",
      "Segel- und Sail- und Motor- and",
    ],
    ["is whole over several lines", "ka-\npi-\ntel", "kapitel"],
    ["is whole behind a soft hyphen", "Do\u00ad\nnau", "Donau"],
    ["is no dash", "nine -\nten", "nine -\nten"],
  ])("%s", (_name, lines, text) => {
    expect(joinWords(lines, compoundsIn(["of price-determining factors"]))).toBe(text);
  });

  test("is looked for in time that is linear in the text", () => {
    const before = cpuMs();
    for (const sign of ["a-\n", "a", "-\n", "a-a-", "\u00ad"]) {
      joinWords(sign.repeat(300_000), compoundsIn([sign.repeat(300_000)]));
    }
    expect(cpuMs() - before).toBeLessThan(5_000);
  });
});

const rows = [
  ["Boat", "Length", "Price"],
  ["Heron", "9 m", "300"],
  ["Gull", "7 m", "200"],
];

describe("a PDF", () => {
  test.each([90, 180, 270])("has its rows whole that are turned by %i degrees", async (angle) => {
    const file = await PDFDocument.create();
    const page = file.addPage([600, 800]);
    const font = await file.embedFont(StandardFonts.Helvetica);
    page.drawText("Upright title", { x: 60, y: 760, size: 11, font });
    for (const [row, cells] of rows.entries()) {
      for (const [column, text] of cells.entries()) {
        const [along, down] = [120 * column, 16 * row];
        const [x, y] =
          angle === 90
            ? [100 + down, 60 + along]
            : angle === 180
              ? [500 - along, 100 + down]
              : [500 - down, 700 - along];
        page.drawText(text, { x, y, size: 11, font, rotate: degrees(angle) });
      }
    }
    const { documents } = await readNamed(reader, "a.pdf", await file.save());
    const text = "## Page 1\n\nUpright title\n\nBoat Length Price\nHeron 9 m 300\nGull 7 m 200";
    expect(documents).toMatchObject([{ text }]);
  });

  test("keeps the number of a foot note apart from the word before it", async () => {
    const file = await PDFDocument.create();
    const page = file.addPage([600, 800]);
    const font = await file.embedFont(StandardFonts.Helvetica);
    const words = "Free for members";
    const width = font.widthOfTextAtSize(words, 12);
    page.drawText(words, { x: 60, y: 700, size: 12, font });
    page.drawText("12", { x: 60 + width, y: 705, size: 7, font });
    page.drawText("in winter, H", { x: 60 + width + 14, y: 700, size: 12, font });
    const next = 60 + width + 14 + font.widthOfTextAtSize("in winter, H", 12);
    page.drawText("2", { x: next, y: 697, size: 7, font });
    page.drawText("O", { x: next + 4, y: 700, size: 12, font });
    const { documents } = await readNamed(reader, "a.pdf", await file.save());
    expect(documents[0]?.["text"]).toBe("## Page 1\n\nFree for members^12 in winter, H2O");
  });

  test("takes no name from the program that wrote it", async () => {
    const file = await PDFDocument.create();
    file.setTitle("(anonymous)");
    const page = file.addPage([600, 800]);
    page.drawText("The pier is shut in winter.", { x: 60, y: 700 });
    const { documents } = await readNamed(reader, "pier.pdf", await file.save());
    expect(documents[0]?.["title"]).toBe("pier.pdf");
  });
});

/** Tables of reStructuredText: each row can be read, with the names of its columns. */

import { describe, expect, test } from "vitest";
import { rstDocument } from "../../src/ingest/formats/rst.ts";

const fees = "| Boat | Price |\n| --- | --- |\n| Swan | 40 |\n| Heron | 30 |";

describe("a table of reStructuredText is one of Markdown", () => {
  test.each([
    [
      "drawn as a grid",
      "+-------+-------+\n| Boat  | Price |\n+=======+=======+\n| Swan  | 40    |\n+-------+-------+\n| Heron | 30    |\n+-------+-------+",
      fees,
    ],
    [
      "drawn with rules",
      "=====  =====\nBoat   Price\n=====  =====\nSwan   40\nHeron  30\n=====  =====",
      fees,
    ],
    [
      "written as a list",
      ".. list-table::\n   :header-rows: 1\n\n   * - Boat\n     - Price\n   * - Swan\n     - 40\n   * - Heron\n     - 30",
      fees,
    ],
    [
      "written as CSV, its names over two lines",
      '.. csv-table::\n   :header: "Boat",\n            "Price"\n\n   "Swan", 40\n   "Heron", 30',
      fees,
    ],
    [
      "within a directive",
      ".. table:: Fees\n\n   ===== =====\n   Boat  Price\n   ===== =====\n   Swan  40\n   Heron 30\n   ===== =====",
      `Fees\n\n${fees}`,
    ],
    [
      "with cells that reach down and over others",
      "+------+------+\n| A    | B    |\n+======+======+\n| x    | 1    |\n|      +------+\n| y    | 2    |\n+------+------+\n| both        |\n+------+------+",
      "| A | B |\n| --- | --- |\n| x y | 1 |\n| x y | 2 |\n| both |  |",
    ],
    [
      "with names above names, and text over two lines",
      "=====  =====  ======\n   Inputs     Output\n------------  ------\nA      B      A or B\n=====  =====  ======\nTrue   False  True, and\n              more\n=====  =====  ======",
      "| Inputs A | B | Output A or B |\n| --- | --- | --- |\n| True | False | True, and more |",
    ],
    [
      "with tabs",
      "====\t====\nBoat\tFee\n====\t====\nSwan\t40\n====\t====",
      "| Boat | Fee |\n| --- | --- |\n| Swan | 40 |",
    ],
    [
      "with a first cell that is empty, numbers at the right, and blank lines within a row",
      "===  ====\n  A  B\n===  ====\n-10  - x\n\n     - y\n\\    z\n===  ====",
      "| A | B |\n| --- | --- |\n| -10 | - x - y |\n|  | z |",
    ],
    [
      "with letters that take two places",
      "+------+------+\n| 商品 | 価格 |\n+======+======+\n| 林檎 | 120  |\n+------+------+",
      "| 商品 | 価格 |\n| --- | --- |\n| 林檎 | 120 |",
    ],
    [
      "with cells of more than text",
      ".. list-table:: Fees\n   :header-rows: 1\n\n   * - Guest\n     - Fee\n   * - Adult\n     - * a day 5\n       * a week 20",
      "Fees\n\n| Guest | Fee |\n| --- | --- |\n| Adult | * a day 5 * a week 20 |",
    ],
  ])("%s", (_, source, expected) => {
    expect(rstDocument(`${source}\n\nText below.`).text).toBe(`${expected}\n\nText below.`);
  });
});

test.each([
  ["a list-table", ".. list-table:: Fees\n\n   Swan costs 40"],
  ["a csv-table", '.. csv-table:: Fees\n\n   "Swan, 40'],
  ["a grid", "+------+------+\n| Swan | 40\n+------+------+"],
  ["rules", "====  ====\nSwan  40"],
])("%s that is not understood keeps its text", (_, source) => {
  const { text } = rstDocument(source);
  expect(text).toContain("Swan");
  expect(text).toContain("40");
});

test("a long cell that reaches down is said once, and a large table takes a moment", () => {
  const long = "word ".repeat(60).trimEnd();
  const rule = `+${"-".repeat(302)}+---+`;
  const below = `|${" ".repeat(302)}+---+\n|${" ".repeat(302)}| 2 |`;
  const source = `${rule}\n| ${long} | 1 |\n${Array(4_000).fill(below).join("\n")}\n${rule}`;
  const { text } = rstDocument(source.replaceAll(`| ${long} |`, `| ${long.padEnd(300)} |`));
  expect(text.split(long)).toHaveLength(2);
  expect(text.length).toBeLessThan(60_000);
});

test.each([
  ["borders", "+-+-+\n"],
  ["rules", "== ==\n"],
  ["rules without an end", "== ==\nx y\n\nz\n"],
  ["corners", `+${"-+".repeat(5_000)}\n`],
])("many %s are read in one pass", { timeout: 15_000 }, (_, line) => {
  expect(rstDocument(line.repeat(Math.ceil(400_000 / line.length)))).toBeDefined();
});

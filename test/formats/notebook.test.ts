import { afterAll, describe, expect, test } from "vitest";
import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { readNamed } from "./support.ts";

const reader = openFileReader();
afterAll(() => reader.close());

const read = (name: string, value: unknown) =>
  readNamed(reader, name, typeof value === "string" ? value : JSON.stringify(value));
const printed = (text: string | readonly string[]) => ({ output_type: "stream", text });
const shown = (data: unknown) => ({ output_type: "execute_result", data });
const python = { kernelspec: { language: "python" } };

async function textOf(cells: readonly unknown[]): Promise<unknown> {
  const { documents } = await read("a.ipynb", { cells, metadata: python, nbformat: 4 });
  return documents[0]?.["text"];
}

describe("a notebook", () => {
  test("is its prose, its code and what that printed, in order", async () => {
    const cells = [
      { cell_type: "markdown", source: ["# Tides of Askby\n", "\n", "From the gauge."] },
      {
        cell_type: "code",
        source: "highest(2024)",
        outputs: [printed(["reading\n", "done\n"]), shown({ "text/plain": ["3.41"] })],
      },
      { cell_type: "raw", source: "Printed in May." },
      { cell_type: "code", source: "", outputs: [] },
    ];
    const { documents, skipped } = await read("tides.ipynb", { cells, metadata: python });
    expect(skipped).toEqual([]);
    expect(documents).toEqual([
      {
        id: "tides.ipynb",
        source: "/files/tides.ipynb",
        title: "Tides of Askby",
        text: "# Tides of Askby\n\nFrom the gauge.\n\n```python\nhighest(2024)\n```\n\n```\nreading\ndone\n```\n\n```\n3.41\n```\n\nPrinted in May.",
      },
    ]);
  });

  test.each([
    [{ "text/markdown": ["**3.41 m**"] }, "**3.41 m**"],
    [
      { "text/html": "<table><tr><th>Month<th>Tide<tr><td>May<td>3.41</table>" },
      "| Month | Tide |\n| --- | --- |\n| May | 3.41 |",
    ],
    [{ "text/html": "<script>draw()</script>", "text/latex": "$h^2$" }, "$h^2$"],
  ])("says what it shows and has no plain form of: %j", async (forms, text) => {
    const data = { "text/plain": "<IPython.core.display.Markdown object>", ...forms };
    const cell = { cell_type: "code", source: "f()", outputs: [shown(data), shown(forms)] };
    expect(await textOf([cell])).toBe(`\`\`\`python\nf()\n\`\`\`\n\n${text}\n\n${text}`);
  });

  test.each([
    ["a picture", shown({ "image/png": "iVBORw0", "text/plain": "<Figure size 640x480>" })],
    ["a widget", shown({ "application/x": {}, "text/plain": "VBox(children=(Text(),))" })],
    ["an output of no form", { output_type: "execute_result" }],
  ])("does not say %s", async (_what, output) => {
    expect(await textOf([{ cell_type: "code", source: "f()", outputs: [output] }])).toBe(
      "```python\nf()\n```",
    );
  });

  test.each([
    [printed("10%\r50%\r100%\nend"), "100%\nend"],
    [printed("\u001b[31mhot\u001b[0m"), "hot"],
    [
      { output_type: "error", ename: "KeyError", evalue: "'tide'", traceback: ["…"] },
      "KeyError: 'tide'",
    ],
  ])("says %j as a reader of the page sees it", async (output, text) => {
    const cells = [{ cell_type: "code", source: "f()", outputs: [output] }];
    expect(await textOf(cells)).toBe(`\`\`\`python\nf()\n\`\`\`\n\n\`\`\`\n${text}\n\`\`\``);
  });

  test.each([
    [
      "a table with the names of its columns, which its plain form cuts",
      {
        "text/html": "<table><tr><th><th>a<th>b<tr><th>0<td>1<td>2</table>",
        "text/plain": "   a  \\\n0  1   \n\n   b  \n0  2  ",
      },
      "|  | a | b |\n| --- | --- | --- |\n| 0 | 1 | 2 |",
    ],
    [
      "columns below each other",
      { "text/plain": "\n   a  b\n0  1  2\n" },
      "```\n   a  b\n0  1  2\n```",
    ],
    [
      "words rather than a table that only places things",
      { "text/html": "<table><tr><td>x</table>", "text/plain": "x is 1" },
      "```\nx is 1\n```",
    ],
  ])("shows %s", async (_, data, expected) => {
    expect(await textOf([{ cell_type: "code", source: "", outputs: [shown(data)] }])).toBe(
      expected,
    );
  });

  test("of the third version has headings", async () => {
    const cells = [{ cell_type: "heading", level: 2, source: ["Tides"] }];
    const { documents } = await read("a.ipynb", { worksheets: [{ cells }], nbformat: 3 });
    expect(documents).toMatchObject([{ title: "Tides", text: "## Tides" }]);
  });

  test("of the third version is read, and what is none says so", async () => {
    const cells = [{ cell_type: "code", input: ["f()"], outputs: [] }];
    expect((await read("a.ipynb", { worksheets: [{ cells }] })).documents).toMatchObject([
      { text: "```\nf()\n```" },
    ]);
    expect(await read("a.ipynb", { version: 1 })).toMatchObject({ skipped: ["format"] });
    expect(await read("a.ipynb", "{")).toMatchObject({ skipped: ["format"] });
    expect(await read("a.ipynb", { cells: [] })).toMatchObject({ skipped: ["empty"] });
  });
});

test("Markdown has its other names, too", async () => {
  for (const name of ["a.mdx", "a.mkd", "a.mdown"]) {
    expect((await readNamed(reader, name, "# Ferry\n\nOn time.")).documents).toMatchObject([
      { title: "Ferry" },
    ]);
  }
});

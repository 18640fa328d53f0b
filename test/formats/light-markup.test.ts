/** AsciiDoc and reStructuredText: what a reader of the page sees is in the text. */

import { afterAll, describe, expect, test } from "vitest";
import { asciidocDocument } from "../../src/ingest/formats/asciidoc.ts";
import { inlineText } from "../../src/ingest/formats/asciidoc-inline.ts";
import { withoutComments } from "../../src/ingest/formats/markdown-comments.ts";
import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { rstDocument } from "../../src/ingest/formats/rst.ts";
import { cpuMs } from "../support/cpu-time.ts";
import { readNamed } from "./support.ts";

const reader = openFileReader();
afterAll(() => reader.close());

async function textOf(name: string, content: string): Promise<string> {
  const { documents } = await readNamed(reader, name, content);
  return String(documents[0]?.["text"]);
}

describe("a line of AsciiDoc", () => {
  test.each([
    [
      "links by their words",
      "See xref:berths.adoc#fees[the fees] and <<depth,the depth>>.",
      "See the fees and the depth.",
    ],
    [
      "addresses of the web",
      "link:https://a.example/x[Site^], https://b.example[other].",
      "[Site](https://a.example/x), [other](https://b.example).",
    ],
    ["whom to write to", "Ask mailto:ann@b.example[Ann].", "Ask Ann (ann@b.example)."],
    [
      "foot notes where they are said first",
      "300 kr.footnote:a[Half, see https://b.example[here].] 20.footnote:a[]",
      "300 kr. (Half, see [here](https://b.example).) 20.",
    ],
    [
      "keys and menus",
      "kbd:[Ctrl+C], menu:File[Save > As], btn:[OK]",
      "Ctrl+C, File > Save > As, OK",
    ],
    [
      "pictures within it by their description",
      "A image:flag.png[red flag,20] icon:x[]flies.",
      "A red flag flies.",
    ],
    [
      "nothing of anchors and of words for the index",
      "[[a]]An anchor:b[](((x, y)))old ((pier)).",
      "An old pier.",
    ],
    [
      "what is no macro as it is",
      "a[1], x << 2, $((i+1)), \\kbd:[x], kbd:[never",
      "a[1], x << 2, $((i+1)), kbd:[x], kbd:[never",
    ],
    ["no sign for a new line", "One +\ntwo", "One\ntwo"],
    [
      "the same in headings and cells",
      "== Press kbd:[F1]\n\n|===\n|A |B\n\n|<<x,y>> |kbd:[F2]\n|===",
      "## Press F1\n\n\n| A | B |\n| --- | --- |\n| y | F2 |",
    ],
  ])("has %s", async (_name, content, text) => {
    expect(await textOf("a.adoc", content)).toBe(text);
  });

  test.each(["kbd:[", "link:a[", "footnote:[x[", "<<a", "((", "[[a", "\\kbd:["])(
    "of nothing but %s is read in one pass",
    (sign) => {
      const before = cpuMs();
      inlineText(sign.repeat(200_000 / sign.length));
      expect(cpuMs() - before).toBeLessThan(2_000);
    },
  );
});

describe("a line of reStructuredText", () => {
  test.each([
    [
      "links by their words",
      "See :ref:`the fees <fees>`, :doc:`/berths` and `rules`_.",
      "See the fees, /berths and rules.",
    ],
    [
      "addresses of the web",
      "`Site <https://a.example/x>`_ or `here <fees_>`__",
      "[Site](https://a.example/x) or here",
    ],
    [
      "names of a program",
      ":py:func:`~os.path.join`, :class:`!Boat`, :rfc:`2822`, 10\\ :sup:`3`",
      "join, Boat, RFC 2822, 10\\ ^3",
    ],
    ["marks of foot notes", "Free [1]_ or half [#dogs]_.", "Free [1] or half [dogs]."],
    ["code as it is", "``:ref:`a``` and ``b_`` and `c`", "``:ref:`a``` and ``b_`` and `c`"],
    ["the same in a heading", "The :ref:`fees <f>`\n==================", "# The fees"],
  ])("has %s", async (_name, content, text) => {
    expect(await textOf("a.rst", content)).toBe(text);
  });
});

describe("a table of AsciiDoc", () => {
  test.each([
    [
      "a cell that reaches down in each row, and one that reaches over others once",
      '[cols="1,1,1",options="header"]\n|===\n|Pass |Season |Price\n.2+|Alpina |Winter |40\n|Summer |25\n2+|Family |90\n|===',
      "| Pass | Season | Price |\n| --- | --- | --- |\n| Alpina | Winter | 40 |\n| Alpina | Summer | 25 |\n| Family |  | 90 |",
    ],
    [
      "names above names",
      "|===\n|Host 2+|Node 0\n\n|a |Core 0 |Core 1\n|===",
      "| Host | Node 0 |  |\n| --- | --- | --- |\n| a | Core 0 | Core 1 |",
    ],
    ["a cell that is repeated", "|===\n|A |B\n\n2*|x\n|===", "| A | B |\n| --- | --- |\n| x | x |"],
    ["a cell in two rows and columns", "|===\n|A |B |C\n2.2+|w |1\n|2\n|===", "| w |  | 2 |"],
    [
      "rows of CSV",
      '[%header]\n,===\nName,Price\nKettle,"12,50"\n,===',
      "| Name | Price |\n| --- | --- |\n| Kettle | 12,50 |",
    ],
    [
      "a format that its attributes name",
      '[format=csv,options="header"]\n|===\nTown,Bus\nVarna,17\n|===',
      "| Town | Bus |\n| --- | --- |\n| Varna | 17 |",
    ],
    ["rows with colons", "[%header]\n:===\nUser:Id\nroot:0\n:===", "| root | 0 |"],
  ])("has %s", async (_name, content, text) => {
    expect(await textOf("a.adoc", content)).toContain(text);
  });

  test("repeats no long text in each of its rows", () => {
    const long = "word ".repeat(10_000);
    const { text } = asciidocDocument(`|===\n|A |B\n.9000+|${long}\n${"|1\n".repeat(9_000)}|===`);
    expect(text.length).toBeLessThan(200_000);
  });

  test.each([
    ["a row a line", "|===\n|A |B\n\n|1 |2\n|==="],
    ["a cell a line", "|===\n|A |B\n\n|1\n|2\n|==="],
    ["a number of columns", '[cols="1,3",options="header"]\n|===\n|A\n|B\n|1\n|2\n|==='],
    ["columns without quotes", "[cols=2*,options=header]\n|===\n|A |B\n|1\n|2\n|==="],
    ["a count of columns", '[%header,cols="2"]\n|===\n|A\n|B\n|1\n|2\n|==='],
    ["columns that repeat, and a title", "[%header,cols=2*]\n.T\n|===\n|A\n|B\na|1\n>s|2\n|==="],
  ])("has named columns, with %s", async (_name, content) => {
    expect(await textOf("a.adoc", content)).toContain("| A | B |\n| --- | --- |\n| 1 | 2 |");
  });

  test.each([
    ["cells that span more than there is", "|===\n|A |B\n3+|both\n|==="],
    ["text before the first cell", "|===\nlost? |A |B\n|1 |2\n|==="],
    ["a letter before a sign that is no style", "|===\n|A |B\n| x| y\n|z|w\n|==="],
    ["cells that fill no row", "|===\n|A |B\n\n|1\n|==="],
  ])("with %s loses no word", async (_name, content) => {
    const words = content.match(/[\p{L}\d]+/gu) ?? [];
    expect((await textOf("a.adoc", content)).match(/[\p{L}\d]+/gu)).toEqual(words);
  });

  test("keeps an escaped sign in its cell", async () => {
    const content = "|===\n|A |B\n\n|x \\| y |2\n|===";
    expect(await textOf("a.adoc", content)).toContain("| x \\| y | 2 |");
  });
});

describe("a long block of AsciiDoc", () => {
  test.each([
    ["a table that is none", "|==="],
    ["code", "----"],
  ])("is text to its last line: %s", (_name, fence) => {
    const { text } = asciidocDocument(`${fence}\n${"x\n".repeat(200_000)}last\n${fence}`);
    expect(text.slice(-20)).toMatch(/x\nlast\n?`*$/);
  });

  test("is read in a moment, whatever its attributes say", () => {
    const begun = performance.now();
    const { text } = asciidocDocument(`[${"options=".repeat(30_000)}]\n|===\n|A |B\n|1 |2\n|===`);
    expect(text).toBe("| A | B |\n| 1 | 2 |");
    // A pattern that begins anew at each name took forty seconds.
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});

describe("names that stand for a text in AsciiDoc", () => {
  const head = "= The {hall}\n:hall: Granvik\n:host: example.org\n:url: https://{host}/x\n\n";

  test.each([
    ["the {hall} at {URL}", "the Granvik at https://example.org/x"],
    ["{unknown} and \\{hall} and {}", "{unknown} and {hall} and {}"],
    [":!hall:\n{hall}", "{hall}"],
    ["== {hall}\nx", "## Granvik\n\nx"],
    ["|===\n|A |B\n|{hall} |2\n|===", "| A | B |\n| Granvik | 2 |"],
    ["----\n{hall}\n----", "```\n{hall}\n```"],
    ["a{vbar}b{nbsp}c", "a|b\u00a0c"],
  ])("%j is %j", async (content, text) => {
    const read = await textOf("a.adoc", head + content);
    expect(read.replace(/^# .*\n+/, "")).toBe(text);
  });

  test("may not grow without an end", () => {
    const doubled = Array.from({ length: 64 }, (_, n) => `:n${n + 1}: {n${n}}{n${n}}`).join("\n");
    const { text } = asciidocDocument(`:n0: xx\n${doubled}\n${"{n9}{n60}\n".repeat(20_000)}`);
    expect(text.length).toBeLessThan(2_000_000);
  });
});

describe("attributes of a block of AsciiDoc", () => {
  test.each([
    ["[WARNING]\n====\nHot.\n====", "WARNING:\nHot."],
    ["[NOTE.x]\nRead it.", "NOTE:\nRead it."],
    ['[quote,"A. Aune",Letters]\n____\nFar.\n____', "A. Aune,Letters:\nFar."],
    ["[horizontal]\nCPU:: fast", "CPU:: fast"],
  ])("%j are said where a reader sees them", async (content, text) => {
    expect(await textOf("a.adoc", content)).toBe(text);
  });
});

describe("a directive of reStructuredText", () => {
  test("keeps the names of a table's columns, and what stands above code", async () => {
    const table =
      '.. csv-table:: Prices\n   :header: "Route", "Price"\n   :widths: 10, 5\n\n   "Vikholm", 140\n';
    expect(await textOf("a.rst", table)).toBe(
      "Prices\n\n| Route | Price |\n| --- | --- |\n| Vikholm | 140 |",
    );
    const named = ".. |boat| replace:: Swan\n\n.. note:: The |boat| leaks.";
    expect(await textOf("a.rst", named)).toBe("note: The Swan leaks.");
    const code = ".. code-block:: sh\n   :caption: pay.sh\n   :linenos:\n\n   pay --all\n";
    expect(await textOf("a.rst", code)).toBe("pay.sh\n\n````sh\npay --all\n````");
  });
});

describe("a directive of reStructuredText that is for the program", () => {
  test.each([
    [".. deprecated:: 2.0\n   Use g.", "Deprecated since version 2.0\n   Use g."],
    [".. versionadded:: 1.5", "New in version 1.5"],
    [".. versionchanged:: 1.6\n   Faster.", "Changed in version 1.6\n   Faster."],
    [".. only:: html\n\n   On the web.", "On the web."],
    ["Text.\n\n.. toctree::\n   :maxdepth: 2\n\n   intro\n   a/b\n\nBelow.", "Text.\n\nBelow."],
    ["Text.\n\n.. include:: licence.txt\n\nBelow.", "Text.\n\nBelow."],
    [".. index:: single: tides\n\nTides.", "Tides."],
  ])("says of %j what a reader sees", async (content, text) => {
    expect(await textOf("a.rst", content)).toBe(text);
  });
});

describe("a line of AsciiDoc", () => {
  test.each([
    ["image::ferry.png[A ferry,300,200]", "A ferry"],
    ['image::ferry.png["A ferry, at sea",width=300]', "A ferry, at sea"],
    ["Text.\n\nimage::ferry.png[width=300]", "Text."],
    ["[[quay]]\nThe quay.", "The quay."],
  ])("%j is what a reader sees of it", async (content, text) => {
    expect(await textOf("a.adoc", content)).toBe(text);
  });
});

describe("what its authors hide", () => {
  test.each([
    [".. A remark\n   over two lines.\n\n   And more.\n\nText.", "Text."],
    ["Text.\n\n..\n   Hidden\n\nBelow.", "Text.\n\nBelow."],
    ["- one\n\n..\n\n   a quotation", "- one\n\n   a quotation"],
    ["See [1]_.\n\n.. [1] The note.", "See [1].\n\n.. [1] The note."],
    [".. py:function:: run(x)\n\n   Runs.", ".. py:function:: run(x)\n\n   Runs."],
  ])("in reStructuredText is no text: %j", async (content, text) => {
    expect(await textOf("a.rst", content)).toBe(text);
  });

  test.each([
    ["ifndef::pdf[Only on the web.]", "Only on the web."],
    ["ifdef::pdf[]\nIn print.\nendif::[]", "In print."],
    ["////\nnever ends\n\nText.", "never ends\n\nText."],
    ["////\nhidden\n////\nText.", "Text."],
  ])(
    "in AsciiDoc is no text, but for conditions and what never ends: %j",
    async (content, text) => {
      expect(await textOf("a.adoc", content)).toBe(text);
    },
  );

  test.each([
    ["# New<!-- x -->\n\n<!-- # Old -->\n\nA <!-- b\nc --> d", "# New\n\n\n\nA  d"],
    ["`<!-- a -->` and ``b ` <!-- c -->``", "`<!-- a -->` and ``b ` <!-- c -->``"],
    ["a ` b <!-- ` --> c", "a ` b <!-- ` --> c"],
    ["```\n<!-- a -->\n```\n\n    <!-- b -->", "```\n<!-- a -->\n```\n\n    <!-- b -->"],
    ["a \\<!-- b --> c <!-- never ends", "a \\<!-- b --> c <!-- never ends"],
    ["a<!-->b<!--->c --> d", "abc --> d"],
    ["- a\n\n  <!-- b -->\n\n- c", "- a\n\n  \n\n- c"],
  ])("in Markdown is no text: %j", async (content, text) => {
    expect(await textOf("a.md", content)).toBe(text);
  });

  // Some tenths of a second, where the square of its length would take half a minute.
  test("in Markdown goes in one pass over it", { timeout: 15_000 }, () => {
    for (const sign of ["<!--", "`", "``` `", "<!-- `", "-->`"]) {
      expect(withoutComments(`x ${sign.repeat(40_000)}<!-- a --> y`)).toContain("x");
    }
  });
});

describe("a text that would grow without end", () => {
  test("stays as it is written in a table of AsciiDoc whose marks stand for a hundred cells", () => {
    const rows = "100*|a\n".repeat(6_000);
    const { text } = asciidocDocument(`[cols="100*"]\n|===\n${rows}|===\n`);
    expect(text).toBe(rows.trim());
  });

  test("stays as it is written where a name of reStructuredText stands for much", () => {
    const line = "|long| and |short|\n";
    const short = "x".repeat(900);
    const head = `.. |long| replace:: ${"y".repeat(5_000)}\n.. |short| replace:: ${short}\n\n`;
    expect(rstDocument(`${head}${line}`).text).toBe(`|long| and ${short}`);
    const source = `${head}${line.repeat(20_000)}`;
    expect(rstDocument(source).text.length).toBeLessThan(6 * source.length);
  });
});

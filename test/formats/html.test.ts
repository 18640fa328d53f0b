import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findArticle } from "../../src/ingest/formats/html/article.ts";
import { readPage } from "../../src/ingest/formats/html/page.ts";
import { withEnds } from "../../src/ingest/formats/html/unended.ts";
import { cpuMs } from "../support/cpu-time.ts";
import { runs } from "../support/runs.ts";

const page = (html: string) => readPage(html, findArticle);
const textOf = async (html: string) => (await page(html)).text;
const sentence = "The ferry to Vikholm leaves the northern pier at a quarter past every hour. ";

describe("the structure of a page", () => {
  test.each([
    [
      "a table keeps its cells apart and its columns named",
      "<table><tr><th>Route</th><th>Price</th></tr><tr><td>Vikholm</td><td>140</td></tr></table>",
      "| Route | Price |\n| --- | --- |\n| Vikholm | 140 |",
    ],
    [
      "a table with head and body",
      "<table><thead><tr><th>A<th>B<tbody><tr><td>1<td>2<tr><td>3<td>4</table>",
      "| A | B |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |",
    ],
    [
      "a table without a header",
      "<table><tr><td>Oslo</td><td>1</td></tr><tr><td>Bergen</td><td>2</td></tr></table>",
      "| Oslo | 1 |\n| Bergen | 2 |",
    ],
    [
      "the items of a list in a cell apart",
      "<table><tr><th>Berth</th><th>Has</th></tr><tr><td>A1</td><td><ul><li>Water<li>Power</ul></td></tr></table>",
      "| Berth | Has |\n| --- | --- |\n| A1 | Water; Power |",
    ],
    [
      "rows with names at their side",
      "<table><tr><th>Length</th><td>12 m</td></tr><tr><th>Crew</th><td>3</td></tr></table>",
      "| Length | 12 m |\n| Crew | 3 |",
    ],
    [
      "a cell over several rows is said in each",
      "<table><tr><th>Line</th><th>Stop</th></tr><tr><td rowspan=2>4</td><td>Askby</td></tr><tr><td>Ekby</td></tr></table>",
      "| Line | Stop |\n| --- | --- |\n| 4 | Askby |\n| 4 | Ekby |",
    ],
    [
      "the description of a picture, not that of an icon",
      "<p>See<img src=a.png alt='The harbour of Vik at dawn'>and<img src=i.svg alt=Logo><img alt='an old icon' role=presentation>.</p>",
      "See The harbour of Vik at dawn and .",
    ],
    [
      "a heading over several columns is said above each",
      "<table><tr><th colspan=2>Summer</th></tr><tr><td>a</td><td>b</td></tr></table>",
      "| Summer | Summer |\n| --- | --- |\n| a | b |",
    ],
    [
      "the heading of a group of rows once",
      "<table><tr><th>Land<th>2023<th>2024<tr><th colspan=3>Europe<tr><th>DE<td>3<td>4</table>",
      "| Land | 2023 | 2024 |\n| --- | --- | --- |\n| Europe |  |  |\n| DE | 3 | 4 |",
    ],
    [
      "names over names",
      "<table><caption>Summer</caption><thead><tr><th rowspan=2>Route<th colspan=2>Price<tr><th>Adult<th>Child<tbody><tr><th>Askby<td>1<td>2</table>",
      "Summer\n\n| Route | Price Adult | Price Child |\n| --- | --- | --- |\n| Askby | 1 | 2 |",
    ],
    [
      "elements of XHTML that close themselves",
      "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title/><script src='a'/></head><body><p>Text<br/>more</p></body></html>",
      "Text\nmore",
    ],
    [
      "a head whose cells are plain ones",
      "<table><thead><tr><td>A<td>B<tbody><tr><td>1<td>2</table>",
      "| A | B |\n| --- | --- |\n| 1 | 2 |",
    ],
    [
      "boxes",
      "<ul><li><input type=checkbox checked> a<li><input type=checkbox> b</ul>",
      "- [x] a\n- [ ] b",
    ],
    [
      "numbers of items",
      "<ol reversed><li>a<li>b<li value=9>c<li>d</ol>",
      "4. a\n3. b\n9. c\n8. d",
    ],
    ["names of groups", "<select><optgroup label=Ferries><option>A</select>", "Ferries\n\nA"],
    [
      "halves, powers and roots",
      "<p><math><mfrac><mn>1</mn><mn>2</mn></mfrac></math>, <math><msup><mi>x</mi><mn>2</mn></msup><mo>+</mo><msub><mi>a</mi><mn>1</mn></msub></math>, <math><mfrac><msqrt><mrow><mn>4</mn><mi>c</mi></mrow></msqrt><mrow><mn>2</mn><mi>a</mi></mrow></mfrac></math>",
      "1/2, x^2+a_1, (√(4c))/(2a)",
    ],
    [
      "sums and rows of formulas",
      "<math><munderover><mo>∑</mo><mn>1</mn><mi>n</mi></munderover><mi>sin</mi><mo>&#8289;</mo><mi>x</mi></math> <math><mtable><mtr><mtd>1</mtd><mtd>2</mtd></mtr><mtr><mtd>3</mtd><mtd>4</mtd></mtr></mtable></math>",
      "∑_1^n sin x 1 2; 3 4",
    ],
    [
      "a formula that is drawn again",
      "<p><span><span class=katex-mathml><math><mi>E</mi><annotation encoding=x>E</annotation></math></span><span class=katex-html aria-hidden=true>E</span></span> is it",
      "E is it",
    ],
    [
      "a word whose signs have a reading each",
      "<ruby>漢<rt>かん</rt>字<rt>じ</rt></ruby>と<ruby>北<rp>(</rp><rt>běi</rt>京<rt>jīng</rt><rp>)</rp></ruby>",
      "漢字(かんじ)と北京(běi jīng)",
    ],
    [
      "a word of Latin letters with a reading, on two lines",
      "<p><ruby>New\n  York<rt>NYC</rt></ruby> it is",
      "New York(NYC) it is",
    ],
    [
      "a reading that nobody closed",
      "<div><ruby>漢<rt>kan<h2>Prices</h2><p>One<p>Two</div>",
      "漢kan\n\n## Prices\n\nOne\n\nTwo",
    ],
    [
      "brackets that name themselves",
      "<math><mi>f</mi><mfenced><mi>x</mi><mi>y</mi></mfenced></math>",
      "f(x, y)",
    ],
    ["links in a row", "<a>foo</a><a>bar</a>, <a>foot</a>note", "foo bar, footnote"],
    ["components", "<x-name>Ferry</x-name><x-price>140</x-price>", "Ferry 140"],
    [
      "components in a sentence",
      "<p>See <x-ref>RFC 1</x-ref>, (<x-ref>a</x-ref>).<x-b>New</x-b><b>bold</b>",
      "See RFC 1, (a). New bold",
    ],
    [
      "what a server put into a component, not what waits for a program",
      "<x-card><template shadowrootmode=open><p>Shown</p><template>no</template></template>too</x-card><template>no</template>",
      "Shown\n\ntoo",
    ],
    [
      "sections of XML",
      "<?xml version='1.0'?><html><body><p>if <![CDATA[a < b & c]]> then</p></body></html>",
      "if a < b & c then",
    ],
    ["formulas", "<p>so <math><mi>x</mi><mo>=</mo><mn>2</mn></math> holds</p>", "so x=2 holds"],
    [
      "a pipe in a cell is no border",
      "<table><tr><td>a|b</td><td>c</td></tr></table>",
      "| a\\|b | c |",
    ],
    [
      "a table that only places things is its contents",
      "<table><tr><td><h2>Left</h2><p>One.</p></td><td><table><tr><td>x</td><td>y</td></tr></table></td></tr></table>",
      "## Left\n\nOne.\n\n| x | y |",
    ],
    [
      "terms and their definitions",
      "<dl><dt>Dogs</dt><dd>free</dd><dt>Bicycles</dt><dt>Scooters</dt><dd>30</dd><dd>in July 40</dd></dl>",
      "- Dogs: free\n- Bicycles, Scooters: 30\n- Bicycles, Scooters: in July 40",
    ],
    ["a term without a definition", "<dl><dt>Alone</dt></dl>", "- Alone"],
    [
      "lists in lists",
      "<ul><li>one<ul><li>deep</ul><li>two</ul><ol start=3><li>x<li>y</ol>",
      "- one\n  - deep\n- two\n\n3. x\n4. y",
    ],
    ["options of a choice", "<select><option>Red<option>Blue</select>", "Red\n\nBlue"],
    [
      "code as it is",
      '<pre><code class="language-js">if (a)\n    b();\n</code></pre>',
      "```js\nif (a)\n    b();\n```",
    ],
    ["code with fences in it", "<pre>```\nx\n```</pre>", "````\n```\nx\n```\n````"],
    ["lines of an address", "Pier 4<br>Askby<br/>Norway", "Pier 4\nAskby\nNorway"],
    [
      "a power and a formula",
      "10<sup>3</sup> m<sup>2</sup> of H<sub>2</sub>O, 1<sup>st</sup>",
      "10^3 m^2 of H2O, 1st",
    ],
    [
      "entities",
      "<p>Caf&eacute; &amp; bar &#8364; 5 &lt;b&gt; &nosuch;",
      "Café & bar € 5 <b> &nosuch;",
    ],
    ["readings of signs", "<ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>", "漢字(かんじ)"],
    ["words that elements cut", "<p>un<b>believ</b>able <i>x</i>y", "unbelievable xy"],
    [
      "blocks without a blank between",
      "<div>a</div><div>b</div><section>c</section>",
      "a\n\nb\n\nc",
    ],
    [
      "text that looks like a heading",
      "<p># no heading</p><p>a<br>---</p>",
      "\\# no heading\n\na\n\\---",
    ],
    ["headings that link to themselves", "<h2>Setup<a href='#s'>¶</a></h2><p>x", "## Setup\n\nx"],
    [
      "headings with blocks in them",
      "<h2><div>Big</div> <span>title</span></h2>x",
      "## Big title\n\nx",
    ],
  ])("%s", async (_name, html, text) => {
    expect(await textOf(html)).toBe(text);
  });

  test.each([
    ["scripts and styles", "<script>evil('<p>x')</script><style>p{}</style>seen"],
    ["what is hidden", "<p hidden>no</p><div style='color:red; display:none'>no</div>seen"],
    ["templates and comments", "<template><p>no</p></template><!-- no -->seen"],
    ["drawings", "<svg><title>no</title><text>no</text></svg>seen"],
    ["notices for readers without scripts", "<noscript>Enable JavaScript</noscript>seen"],
    ["menus", "<nav><a href=a>Home</a></nav><div role=navigation>no</div>seen"],
  ])("%s are not part of it", async (_name, html) => {
    expect(await textOf(html)).toBe("seen");
  });

  test("a page of nothing but a menu, or a notice, is that", async () => {
    expect(await textOf("<nav><ul><li><a href=a>Home</a></ul></nav>")).toBe("- Home");
    expect(await textOf("<noscript>Enable it</noscript>")).toBe("Enable it");
    expect(await textOf("<p hidden='until-found'>folded</p>")).toBe("folded");
  });
});

describe("what never ends", () => {
  test.each([
    ["a comment", "<p>seen</p><!-- note <p>below</p>", "seen\n\nnote\n\nbelow"],
    ["a comment behind one that ends", "<!-- no -->seen<!-- <p>below", "seen\n\nbelow"],
    ["a title", "<head><title>Ferries\n<p>below</p>", "below"],
    ["a field of text", "<TEXTAREA name=a>\n<p>below</p>", "below"],
    [
      "inner frames",
      "seen<iframe src=a><p>below</p><iframe src=b><p>last",
      "seen\n\nbelow\n\nlast",
    ],
    ["a style above the body", "<head><style>p > a {}</head><body><p>below", "below"],
    ["a script above the body", "<script>a < b\n<body class=x><p>below", "below"],
  ])("does not take the rest of the page: %s", async (_name, html, text) => {
    expect(await textOf(html)).toBe(text);
  });

  test("is looked for in time that is linear in the page", async () => {
    for (const piece of ["<!--", "<title>", "<iframe ", "<script>", "</title", "<textarea><"]) {
      const html = piece.repeat(Math.floor(2_000_000 / piece.length));
      const before = cpuMs();
      withEnds(html);
      expect(cpuMs() - before).toBeLessThan(3_000);
    }
  });
});

describe("the title of a page", () => {
  test.each([
    ["its own", "<title>The &amp; page\n now</title><h1>Other</h1>", "The & page now"],
    ["not that of a drawing", "<body><svg><title>Icon</title></svg><h1>Ferries</h1>", "Ferries"],
    ["not one in a comment", "<!-- <title>Old</title> --><h1>New</h1>", "New"],
    ["not one in a script", "<script>a = '<title>x</title>'</script><h2>Real</h2>", "Real"],
    [
      "the one that is shared, without its own",
      "<meta property=og:title content='Shared'><p>x",
      "Shared",
    ],
    ["none where there is none", "<p>Just words", undefined],
    [
      "the first heading, also outside of the main content",
      "<header><h1>Top</h1></header><main><p>x y z</main>",
      "Top",
    ],
  ])("is %s", async (_name, html, title) => {
    expect((await page(html)).title).toBe(title);
  });

  test("comes with author and date", async () => {
    const head =
      "<meta name=author content='A. Aune'><meta property='article:published_time' content='2024-05-01T10:00:00Z'>";
    expect(await page(`${head}<p>x`)).toMatchObject({
      date: "2024-05-01T10:00:00Z",
      metadata: { author: "A. Aune" },
    });
  });
});

describe("the main content of a page", () => {
  const links = (count: number) =>
    Array.from({ length: count }, (_, n) => `<li><a href=${n}>Another page ${n}</a></li>`).join("");

  test("is what the page says it is", async () => {
    const html = `<div class=menu><ul>${links(20)}</ul></div><main><p>${sentence.repeat(9)}</main><footer>Imprint</footer>`;
    expect(await textOf(html)).toBe(sentence.repeat(9).trim());
  });

  test("is found among links where the page does not say", async () => {
    const body = Array.from({ length: 8 }, () => `<p>${sentence.repeat(3)}</p>`).join("");
    const html = `<html><body><div id=side><ul>${links(60)}</ul></div><div class=post><h2>Timetable</h2>${body}</div></body></html>`;
    const text = await textOf(html);
    expect(text).not.toContain("Another page");
    expect(text.split(sentence.trim())).toHaveLength(25);
  });

  test("is everything, where leaving something out would cost sentences", async () => {
    const other = "Tickets are sold on board and at the kiosk. ";
    const html = `<main><p>${sentence.repeat(3)}</main><div>${other.repeat(9)}</div>`;
    expect(await textOf(html)).toContain(other.trim());
    const two = `<article><p>${sentence.repeat(20)}</article><article><p>${other.repeat(20)}</article>`;
    expect(await textOf(two)).toContain(other.trim());
  });
});

describe("broken pages", () => {
  test.each([
    ["8,000 unclosed tags", `${"<font color=red><b>".repeat(4_000)}<p>The market sells cheese.`],
    ["100,000 nested blocks", `${"<div>".repeat(100_000)}<p>The market sells cheese.`],
    ["nested lists", `${"<ul><li>".repeat(20_000)}The market sells cheese.`],
    ["nested tables", `${"<table><tr><td>".repeat(20_000)}The market sells cheese.`],
    [
      "nested quotations, closed",
      `${"<blockquote>".repeat(9_000)}The market sells cheese.${"</blockquote>".repeat(9_000)}`,
    ],
    ["tags that close what is not open", `${"</div></b>".repeat(50_000)}The market sells cheese.`],
    [
      "what does not belong into a table",
      `<table>${"<br>x".repeat(20_000)}</table>The market sells cheese.`,
    ],
    [
      "a reading of nothing but blanks",
      `<p><ruby>${" ".repeat(100_000)}x<rt>y</rt></ruby><ruby>${"z\n".repeat(100_000)}<rt>y</rt></ruby> The market sells cheese.`,
    ],
    [
      "readings in readings",
      `${"<ruby>x<rt>".repeat(400)}<p>${"<b>x</b>".repeat(9_000)}The market sells cheese.`,
    ],
    ["a page that ends in a tag", "<p>The market sells cheese.<a href='"],
    [
      "spans beyond reason",
      "<table><tr><td colspan=999999999 rowspan=999999999>The market sells cheese.<td>x</table>",
    ],
  ])("%s cost little, and the text is there", async (_name, html) => {
    const began = cpuMs();
    expect(await textOf(`<title>Old page</title>${html}`)).toContain("The market sells cheese.");
    expect(cpuMs() - began).toBeLessThan(10_000);
  });

  test("a title survives where the tree does not", async () => {
    const html = `<title>Old page</title>${"<div>".repeat(2_000)}<h2>Deep</h2><script>no()</script>x`;
    expect(await page(html)).toEqual({ title: "Old page", text: "## Deep\n\nx" });
  });

  test("no page of random pieces makes it throw", async () => {
    const piece = fc.constantFrom(
      ..."<table> <tr> <td> <th> </table> <ul> <li> </ul> <dl> <dt> <dd> </dl> <p> </p> <h1> </h1> <pre> </pre> <b> </b> <a> </a> <svg> </svg> <title> </title> <template> <select> <option> <form> <br> <!-- --> <script> </script> <math> <sup> word 10 & < >".split(
        " ",
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 40 }), async (pieces) => {
        expect(typeof (await textOf(pieces.join(" ")))).toBe("string");
      }),
      { numRuns: runs(250) },
    );
  });

  test("every word of a page without menus is in its text, in order", async () => {
    const block = fc.constantFrom(
      "p",
      "div",
      "li",
      "td",
      "h2",
      "dd",
      "span",
      "blockquote",
      "caption",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(block, { minLength: 1, maxLength: 12 }), async (names) => {
        const html = names.map((name, n) => `<${name}>word${n}</${name}>`).join("\n");
        const words = (await textOf(html)).match(/word\d+/g) ?? [];
        expect(words.toSorted()).toEqual(names.map((_, n) => `word${n}`).toSorted());
      }),
      { numRuns: runs(150) },
    );
  });
});

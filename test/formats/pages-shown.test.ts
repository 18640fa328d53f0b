import { afterAll, describe, expect, test } from "vitest";
import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { readNamed } from "./support.ts";

const reader = openFileReader();
afterAll(() => reader.close());

async function documentOf(html: string) {
  return (await readNamed(reader, "a.html", html)).documents[0];
}

describe("a page", () => {
  test.each([
    [
      "the number and the address behind words that do not say them",
      "<p><a href='tel:+46%208-765'>Call us</a>, <a href='mailto:a@b.example?subject=x'>write</a>",
      "Call us (+46 8-765), write (a@b.example)",
    ],
    [
      "an address once, where the words of its link are that, and none where it has none",
      "<p><a href=tel:+468765432>08-765 432</a> <a href=mailto:A@b.example>a@b.example</a> <a href='mailto:?body=x'>Share</a>",
      "08-765 432 a@b.example Share",
    ],
    [
      "the address of a link that is a picture",
      "<p>Fax: <a href=mailto:fax@b.example><img src=a.png alt=''></a>",
      "Fax: fax@b.example",
    ],
    [
      "what is a heading by its role",
      "<div role=heading aria-level=3>Open</div><p>At nine.</p><span role=heading>Shut</span><p>At six.</p>",
      "### Open\n\nAt nine.\n\n## Shut\n\nAt six.",
    ],
    [
      "what is a table by its roles, with its cells apart",
      "<div role=table><div role=rowgroup><div role=row><span role=columnheader>Berth</span><span role=columnheader>Fee</span></div></div><div role=rowgroup><div role=row><span role=cell>A1</span><span role=cell>30</span></div></div></div>",
      "| Berth | Fee |\n| --- | --- |\n| A1 | 30 |",
    ],
    [
      "cells and rows that belong to no table as they are",
      "<div role=row><div role=cell>A1</div></div><div role=cell>30</div>",
      "A1\n\n30",
    ],
    [
      "the foot of a table below its rows, where it is written above them",
      "<table><thead><tr><th>Day<th>Hours<tfoot><tr><td>Sum<td>9<tbody><tr><td>Mon<td>8</table>",
      "| Day | Hours |\n| --- | --- |\n| Mon | 8 |\n| Sum | 9 |",
    ],
    [
      "code without the button that copies it",
      "<pre>$ npm i<button>Copy</button><style>a{}</style><span hidden>no</span></pre>",
      "```\n$ npm i\n```",
    ],
    [
      "what its head says of it, where a program makes all else",
      "<meta name=description content='Kettles for camping'><div id=root></div><noscript>Scripts!</noscript>",
      "Kettles for camping\n\nScripts!",
    ],
    [
      "its own text alone, where it has one",
      "<meta name=description content='Kettles for camping'><p>Open at nine.</p><noscript>Scripts!</noscript>",
      "Open at nine.",
    ],
    [
      "what is behind its tabs",
      "<div role=tabpanel>apt</div><div role=tabpanel hidden>brew</div>",
      "apt\n\nbrew",
    ],
    [
      "what it folds up",
      "<h3><button id=q>How long?</button></h3><div role=region aria-labelledby=q style='display:none'>A week.</div>",
      "### How long?\n\nA week.",
    ],
    [
      "what a button unfolds, by its id",
      "<h3><button aria-expanded=false aria-controls=a>Refunds?</button></h3><div id=a hidden>Within 14 days.</div><a role=button href=# aria-expanded=false aria-controls='b c'>Dogs?</a><div id=b style='color:red;display:none'>On a lead.</div>",
      "### Refunds?\n\nWithin 14 days.\n\nDogs?\n\nOn a lead.",
    ],
    [
      "no menus and lists that a button unfolds, and nothing else that is hidden",
      "<button aria-expanded=false aria-controls=m>More</button><div id=m hidden><a href=/a>Berths</a> <a href=/b>Fees</a></div><button aria-expanded=false aria-controls=l>Size</button><div role=listbox id=l hidden>Small or large</div><button aria-controls=d aria-expanded=false aria-haspopup=dialog>Help</button><div id=d hidden>Ask the pilot.</div><p hidden>Draft.</p><p>Open.</p>",
      "More Size Help\n\nOpen.",
    ],
    [
      "what is crossed out as that",
      "<p>Fee <del>100</del><ins>120</ins>, <s>at noon</s> at one",
      "Fee ~~100~~120, ~~at noon~~ at one",
    ],
    [
      "what a style crosses out",
      "<p><span style='text-decoration: line-through'>old <s>and</s></span> new",
      "~~old and~~ new",
    ],
    ["paragraphs that are crossed out", "<del><p>one</p><p>two</p></del>", "one\n\ntwo"],
    [
      "labels apart from their neighbours",
      "<label>City</label><span>Rome</span><label>Age</label>",
      "City Rome Age",
    ],
    [
      "which of several was chosen",
      "<form><label><input type=radio name=d checked> By post</label> <label><input type=radio name=d> Pick up</label></form>",
      "[x] By post [ ] Pick up",
    ],
    [
      "no marks of buttons that a style sheet makes tabs of",
      "<div><input type=radio name=t checked><label>npm</label><input type=radio name=t><label>yarn</label></div>",
      "npm yarn",
    ],
    [
      "which option was chosen",
      "<p>Country <select><option>France<option selected>Bulgaria</select>",
      "Country\n\nFrance\n\n[x] Bulgaria",
    ],
    [
      "what was typed into a form, and nothing that its reader does not see",
      "<form><label>Name</label><input value='Mira Koleva'> on <input type=DATE value=2024-05-06><input type=hidden value=a><input type=password value=b><input type=submit value=c><input type=search value=d><label>Notes</label><textarea>Ring\ntwice</textarea></form>",
      "Name Mira Koleva on 2024-05-06 Notes Ring twice",
    ],
    ["who is quoted", "<blockquote>All is well.<cite>Ann</cite></blockquote>", "All is well. Ann"],
    [
      "a book within a sentence",
      "<p>(<cite>Hamlet</cite>, <cite>Hamlet</cite>'s end)",
      "(Hamlet, Hamlet's end)",
    ],
  ])("says %s", async (_name, html, text) => {
    expect((await documentOf(`<title>T</title>${html}`))?.["text"]).toBe(text);
  });

  test.each([
    [
      "Sphinx",
      "<pre><span class=linenos>1</span>def f():\n<span class=linenos>2</span>    return 12\n</pre>",
    ],
    [
      "Hugo",
      "<table><tr><td><pre><span class=lnt>1\n</span><span class=lnt>2\n</span></pre></td><td><pre>def f():\n    return 12</pre></td></tr></table>",
    ],
    [
      "Jekyll",
      "<table><tr><td class='rouge-gutter gl'><pre class=lineno>1\n2\n</pre></td><td class=rouge-code><pre>def f():\n    return 12</pre></td></tr></table>",
    ],
  ])("has code without the numbers of lines that %s writes", async (_name, html) => {
    const document = await documentOf(`<p>Code:</p>${html}`);
    expect(document?.["text"]).toBe("Code:\n\n```\ndef f():\n    return 12\n```");
  });

  test("keeps numbers where a class only sounds like lines, and code beside them", async () => {
    const document = await documentOf("<div class=gutter>12 euros</div><p class=price>12</p>");
    expect(document?.["text"]).toBe("12 euros\n\n12");
  });

  test.each(["Document", "Untitled", "untitled document", "New Page 1"])(
    "that its editor calls %s is called as its heading, or else so",
    async (title) => {
      const page = (body: string) => documentOf(`<title>${title}</title>${body}`);
      expect((await page("<h1><s>Old</s> Ferries</h1><p>Text."))?.["title"]).toBe("Old Ferries");
      expect((await page("<p>Text."))?.["title"]).toBe(title);
      const shared = `<meta property="og:title" content="Ferry times">`;
      expect((await page(`${shared}<p>Text.`))?.["title"]).toBe("Ferry times");
    },
  );
});

describe("a page as Confluence stores it", () => {
  test("has its code, and of its macros what they show", async () => {
    const page = `<h1>Run</h1><ac:structured-macro ac:name="code"><ac:parameter ac:name="language">python</ac:parameter><ac:plain-text-body><![CDATA[if a < b:
    run()]]></ac:plain-text-body></ac:structured-macro><ac:structured-macro ac:name="panel"><ac:parameter ac:name="title">Care</ac:parameter><ac:rich-text-body><p>See <ri:page ri:content-title="X"/>below.</p></ac:rich-text-body></ac:structured-macro>`;
    expect((await documentOf(page))?.["text"]).toBe(
      "# Run\n\n```\nif a < b:\n    run()\n```\n\nCare\n\nSee below.",
    );
  });
});

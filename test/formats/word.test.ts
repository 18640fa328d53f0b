import { Document, HeadingLevel, Packer, Paragraph, TextRun } from "docx";
import { afterAll, describe, expect, test } from "vitest";
import { withoutWrappers } from "../../src/ingest/formats/docx-wrappers.ts";
import { textPartOf } from "../../src/ingest/formats/docx-xml.ts";
import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { archiveOf, readNamed } from "./support.ts";

const reader = openFileReader();
afterAll(() => reader.close());

const names =
  'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:v="urn:schemas-microsoft-com:vml"';

function partsWith(body: string): Record<string, string> {
  const relations = "http://schemas.openxmlformats.org/package/2006/relationships";
  const office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
  const relation = (type: string, target: string) =>
    `<Relationships xmlns="${relations}"><Relationship Id="d" Type="${office}/${type}" Target="${target}"/></Relationships>`;
  return {
    "[Content_Types].xml":
      '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
    "_rels/.rels": relation("officeDocument", "word/document.xml"),
    "word/_rels/document.xml.rels": relation("footnotes", "footnotes.xml"),
    "word/document.xml": `<w:document ${names}><w:body>${body}</w:body></w:document>`,
  };
}

type Properties = Omit<ConstructorParameters<typeof Document>[0], "sections">;

async function read(children: readonly Paragraph[], properties: Properties = {}) {
  const file = new Document({ ...properties, sections: [{ children }] });
  const { documents } = await readNamed(reader, "a.docx", await Packer.toBuffer(file));
  return documents[0];
}

describe("a Word document", () => {
  test("does not say what Word hides", async () => {
    const runs = [
      new TextRun("The fee is "),
      new TextRun({ text: "ask Bo before you print ", vanish: true }),
      new TextRun({ text: "140", bold: true, vanish: false }),
      new TextRun("."),
    ];
    const heading = new Paragraph({ text: "Fees", heading: HeadingLevel.HEADING_1 });
    const document = await read([heading, new Paragraph({ children: runs })]);
    expect(document).toMatchObject({ title: "Fees", text: "# Fees\n\nThe fee is 140." });
  });

  test("has headings by styles of its own, which are based on those of Word or have a level", async () => {
    const paragraphStyles = [
      { id: "House1", name: "House Chapter", basedOn: "Heading1" },
      { id: "House1b", name: "House Chapter, small", basedOn: "House1" },
      { id: "Level2", name: "Clause", paragraph: { outlineLevel: 1 } },
      { id: "Contents", name: "Contents", basedOn: "Heading1", paragraph: { outlineLevel: 9 } },
      { id: "Loop", name: "Loop", basedOn: "Loop" },
    ];
    const lines = [
      ...["House1", "House1b", "Level2", "Contents", "Loop"].map(
        (style) => new Paragraph({ text: `Of ${style}`, style }),
      ),
    ];
    expect(await read(lines, { styles: { paragraphStyles } })).toMatchObject({
      title: "Of House1",
      text: "# Of House1\n\n# Of House1b\n\n## Of Level2\n\nOf Contents\n\nOf Loop",
    });
  });

  test("has its text where its archive says, also where that is not the usual place", () => {
    const type = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const other = `<Relationship Id="a" Type="${type}/metadata" Target="docProps/core.xml"/>`;
    const text = `<Relationship Id="b" Type="${type}/officeDocument" Target="/word/document2.xml"/>`;
    expect(textPartOf(`<Relationships>${other}${text}</Relationships>`)).toBe("word/document2.xml");
    expect(textPartOf(`<Relationships>${other}</Relationships>`)).toBe("word/document.xml");
  });

  test("holds what it shows of other files, in its place", async () => {
    const office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const relations = (...each: readonly (readonly [string, string, string])[]) =>
      `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${each
        .map(([id, type, target]) => {
          return `<Relationship Id="${id}" Type="${office}/${type}" Target="${target}"/>`;
        })
        .join("")}</Relationships>`;
    const chunks = ["a", "b", "gone"].map((id) => `<w:altChunk r:id="${id}"/>`).join("");
    const paragraph = (text: string) => `<w:p><w:r><w:t>${text}</w:t></w:r></w:p>`;
    const body = `<w:body>${paragraph("Above.")}${chunks}${paragraph("Below.")}</w:body>`;
    const bytes = archiveOf({
      "[Content_Types].xml":
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
      "_rels/.rels": relations(["d", "officeDocument", "word/document.xml"]),
      "word/_rels/document.xml.rels": relations(
        ["a", "aFChunk", "report.mht"],
        ["b", "aFChunk", "/word/b.html"],
      ),
      "word/document.xml": `<w:document xmlns:r="${office}" xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">${body}</w:document>`,
      "word/report.mht":
        'MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="x"\r\n\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<html><body class=3D"a"><h1>Caf=c3=a9</h1><p>Opens at nine.</p></body></html>\r\n--x--\r\n',
      "word/b.html": "<html><head><style>p{}</style></head><body><p>Of HTML.</body></html>",
    });
    const { documents } = await readNamed(reader, "a.docx", bytes);
    expect(documents).toMatchObject([
      { title: "Café", text: "Above.\n\n# Café\n\nOpens at nine.\n\nOf HTML.\n\nBelow." },
    ]);
  });

  test.each([
    [
      "headings by a level of the paragraph, but no long clause as one",
      `<w:p><w:pPr><w:pStyle w:val="Normal"/><w:outlineLvl w:val="1"/></w:pPr><w:r><w:t>Fees</w:t></w:r></w:p><w:p><w:pPr><w:outlineLvl w:val="9"/></w:pPr><w:r><w:t>Nine.</w:t></w:r></w:p><w:p><w:pPr><w:outlineLvl w:val="0"/></w:pPr><w:r><w:t>${"clause ".repeat(40).trim()}</w:t></w:r></w:p>`,
      `## Fees\n\nNine.\n\n${"clause ".repeat(40).trim()}`,
    ],
    [
      "the results of fields",
      '<w:p><w:r><w:t>Dear </w:t></w:r><w:fldSimple w:instr=" MERGEFIELD N "><w:r><w:t>Ann</w:t></w:r></w:fldSimple></w:p>',
      "Dear Ann",
    ],
    [
      "what has a direction",
      '<w:p><w:bdo w:val="rtl"><w:r><w:t>a</w:t></w:r></w:bdo><w:dir w:val="rtl"><w:r><w:t>b</w:t></w:r></w:dir></w:p>',
      "ab",
    ],
    [
      "words with their readings",
      "<w:p><w:r><w:ruby><w:rubyPr/><w:rt><w:r><w:t>かんじ</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>漢字</w:t></w:r></w:rubyBase></w:ruby></w:r></w:p>",
      "漢字(かんじ)",
    ],
    [
      "a box without an older form",
      '<w:p><w:r><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><w:txbxContent><w:p><w:r><w:t>Box</w:t></w:r></w:p></w:txbxContent></w:drawing></mc:Choice></mc:AlternateContent></w:r></w:p>',
      "Box",
    ],
    [
      "a box in an oval",
      "<w:p><w:r><w:pict><v:oval><v:textbox><w:txbxContent><w:p><w:r><w:t>Oval</w:t></w:r></w:p></w:txbxContent></v:textbox></v:oval></w:pict></w:r></w:p>",
      "Oval",
    ],
  ])("has %s", async (_, body, expected) => {
    const { documents } = await readNamed(reader, "a.docx", archiveOf(partsWith(body)));
    expect(documents).toMatchObject([{ text: expected }]);
  });

  test("has in its notes what Word shows of them", async () => {
    const note =
      '<w:p><w:fldSimple w:instr="x"><w:r><w:t>Seen.</w:t></w:r></w:fldSimple><w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r></w:p>';
    const parts = partsWith('<w:p><w:r><w:t>A</w:t><w:footnoteReference w:id="1"/></w:r></w:p>');
    const { documents } = await readNamed(
      reader,
      "a.docx",
      archiveOf({
        ...parts,
        "word/footnotes.xml": `<w:footnotes ${names}><w:footnote w:id="1">${note}</w:footnote></w:footnotes>`,
      }),
    );
    expect(String(documents[0]?.["text"])).toContain("Seen.");
    expect(String(documents[0]?.["text"])).not.toContain("hidden");
  });

  test("of wrappers that never end is read in one pass", { timeout: 15_000 }, () => {
    for (const tag of ["<w:ruby>", "<mc:AlternateContent>", "<w:fldSimple ", "<v:oval "]) {
      expect(withoutWrappers(tag.repeat(200_000))).toBeDefined();
    }
  });

  test("says what is crossed out as that", async () => {
    const runs = [new TextRun({ text: "100", strike: true }), new TextRun(" 120 euros")];
    const document = await read([new Paragraph({ children: runs })]);
    expect(document?.["text"]).toBe("~~100~~ 120 euros");
  });

  test("without a heading has the title of its properties, and their author and date", async () => {
    const text = [new Paragraph("Prices hold from May.")];
    const before = Math.floor(Date.now() / 1_000) - 1;
    const document = await read(text, { title: "Prices & fees", creator: "Ann Aune" });
    expect(document).toMatchObject({ title: "Prices & fees", metadata: { author: "Ann Aune" } });
    expect(document?.["timestamp"]).toBeGreaterThanOrEqual(before);
    const heading = new Paragraph({ text: "Prices", heading: HeadingLevel.HEADING_1 });
    expect(await read([heading], { title: "Template" })).toMatchObject({ title: "Prices" });
  });

  test("has no title, author or date of the template of a library", async () => {
    const document = await read([new Paragraph("Text.")], { title: "x", creator: "python-docx" });
    expect(document).toEqual({
      id: "a.docx",
      source: "/files/a.docx",
      title: "a.docx",
      text: "Text.",
    });
    const named = await read([new Paragraph("Text.")], {
      title: "Microsoft Word - b.docx",
      creator: "Bo",
    });
    expect(named).toMatchObject({ title: "a.docx" });
  });
});

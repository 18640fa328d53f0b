import { deflateRawSync } from "node:zlib";
import {
  HeadingLevel,
  Packer,
  Paragraph,
  Table,
  TableCell,
  TableRow,
  Document as WordDocument,
} from "docx";
import { PDFDocument, StandardFonts } from "pdf-lib";
import { afterAll, describe, expect, test } from "vitest";
import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { readNamed } from "./support.ts";

const reader = openFileReader();
afterAll(() => reader.close());
const read = (name: string, content: string | Uint8Array) => readNamed(reader, name, content);

async function pdf(pages: readonly (readonly string[])[], title?: string): Promise<Uint8Array> {
  const file = await PDFDocument.create();
  const font = await file.embedFont(StandardFonts.Helvetica);
  if (title !== undefined) file.setTitle(title);
  file.setModificationDate(new Date("2024-03-05T09:00:00Z"));
  for (const lines of pages) {
    const page = file.addPage([400, 600]);
    for (const [index, line] of lines.entries()) {
      page.drawText(line, { x: 30, y: 550 - index * 14, size: 11, font });
    }
  }
  return file.save();
}

async function docx(children: (Paragraph | Table)[]): Promise<Uint8Array> {
  return Packer.toBuffer(new WordDocument({ sections: [{ children }] }));
}

describe("PDF", () => {
  test("is its text layer, a section for each page, with title, date and pages", async () => {
    const bytes = await pdf(
      [
        ["The depot keeps the", "summer tyres."],
        ["Winter tyres are in As-", "kby."],
      ],
      "Tyres",
    );
    const { documents, skipped } = await read("tyres.pdf", bytes);
    expect(skipped).toEqual([]);
    expect(documents).toEqual([
      {
        id: "tyres.pdf",
        source: "/files/tyres.pdf",
        title: "Tyres",
        text: "## Page 1\n\nThe depot keeps the\nsummer tyres.\n\n## Page 2\n\nWinter tyres are in Askby.",
        timestamp: Date.parse("2024-03-05T09:00:00Z") / 1000,
        metadata: { pages: 2 },
      },
    ]);
  });

  test("a word with hyphens of its own keeps the one at which it was cut", async () => {
    const bytes = await pdf([["It is a state-of-the-", "art e-mail ad-", "dress."]]);
    expect((await read("a.pdf", bytes)).documents).toMatchObject([
      { text: "## Page 1\n\nIt is a state-of-the-art e-mail address." },
    ]);
  });

  test("without a text layer is counted as a scan, and as broken when it is none", async () => {
    expect(await read("scan.pdf", await pdf([[], []]))).toMatchObject({ skipped: ["scan"] });
    expect(await read("broken.pdf", "%PDF-1.7\nnothing")).toMatchObject({ skipped: ["broken"] });
  });

  test("longer than a document may be becomes several, each with its place", async () => {
    const small = openFileReader({ documentTextBytesMax: 2_000 });
    try {
      const pages = Array.from({ length: 12 }, (_, page) =>
        Array.from({ length: 10 }, (_, line) => `Page ${page + 1}, line ${line} of the handbook.`),
      );
      const { documents } = await readNamed(small, "book.pdf", await pdf(pages));
      expect(documents.map(({ id }) => id)).toEqual(
        documents.map((_, index) => (index === 0 ? "book.pdf" : `book.pdf#${index + 1}`)),
      );
      expect(documents.length).toBeGreaterThan(2);
      expect(documents[1]).toMatchObject({ metadata: { piece: 2, pieces: documents.length } });
      const text = documents.map((document) => String(document["text"])).join("\n");
      for (let page = 1; page <= 12; page += 1) expect(text).toContain(`Page ${page}, line 9 of`);
    } finally {
      await small.close();
    }
  });
});

describe("DOCX", () => {
  test("has its headings, lists and tables", async () => {
    const cell = (text: string) => new TableCell({ children: [new Paragraph(text)] });
    const bytes = await docx([
      new Paragraph({ text: "Ferry handbook", heading: HeadingLevel.TITLE }),
      new Paragraph({ text: "Prices", heading: HeadingLevel.HEADING_1 }),
      new Paragraph("Prices hold from May."),
      new Paragraph({ text: "dogs travel free", bullet: { level: 0 } }),
      new Table({
        rows: [
          new TableRow({ tableHeader: true, children: [cell("Route"), cell("Price")] }),
          new TableRow({ children: [cell("Vikholm"), cell("140")] }),
        ],
      }),
    ]);
    const { documents } = await read("ferry.docx", bytes);
    expect(documents).toMatchObject([
      {
        title: "Ferry handbook",
        text: "# Ferry handbook\n\n# Prices\n\nPrices hold from May.\n\n- dogs travel free\n\n| Route | Price |\n| --- | --- |\n| Vikholm | 140 |",
      },
    ]);
  });

  test("that is no archive, or an empty one, is counted as broken", async () => {
    expect(await read("a.docx", "PK nothing")).toMatchObject({ skipped: ["broken"] });
  });

  test("that is a bomb is counted by its size, and the next one is read", async () => {
    const { skipped } = await read(
      "bomb.docx",
      zip("word/document.xml", Buffer.alloc(150_000_000, "<w:p>")),
    );
    expect(skipped).toEqual(["size"]);
    expect(await read("a.csv", "Name,Price\nVikholm,140\n")).toMatchObject({ skipped: [] });
  });
});

/** An archive with one file, as small as its content is repetitive. */
function zip(name: string, content: Uint8Array): Uint8Array {
  const data = deflateRawSync(content);
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(20, 0);
  fields.writeUInt16LE(8, 4);
  fields.writeUInt32LE(data.length, 14);
  fields.writeUInt32LE(content.length, 18);
  fields.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from("PK\x03\x04"), fields, Buffer.from(name), data]);
  const entry = Buffer.concat([
    Buffer.from("PK\x01\x02\x14\0"),
    fields,
    Buffer.alloc(14),
    Buffer.from(name),
  ]);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(1, 4);
  end.writeUInt16LE(1, 6);
  end.writeUInt32LE(entry.length, 8);
  end.writeUInt32LE(local.length, 12);
  return Buffer.concat([local, entry, Buffer.from("PK\x05\x06"), end]);
}

describe("tables in text", () => {
  test.each([
    ["commas", "a.csv", 'Route,Price\nVikholm,140\n"Mos, serud",95\n'],
    ["semicolons", "a.csv", "Route;Price\r\nVikholm;140\r\nMos, serud;95\r\n"],
    ["tabs", "a.tsv", "Route\tPrice\nVikholm\t140\nMos, serud\t95"],
    ["tabs, called csv", "a.csv", "\ufeffRoute\tPrice\nVikholm\t140\nMos, serud\t95"],
  ])(
    "with %s give a paragraph a row, with the names of its columns",
    async (_name, file, content) => {
      expect((await read(file, content)).documents).toMatchObject([
        {
          text: "Route: Vikholm; Price: 140\n\nRoute: Mos, serud; Price: 95",
          metadata: { rows: 2, columns: ["Route", "Price"] },
        },
      ]);
    },
  );

  test.each([
    ["rows of different lengths", "A,B\n1\n1,2,3\n", "A: 1\n\nA: 1; B: 2; 3"],
    ["no header", "1,2\n3,4\n", "1; 2\n\n3; 4"],
    ["line feeds in a cell", 'A,B\n"x\ny",2\n', "A: x y; B: 2"],
    ["quotes inside", 'A,B\nsays "no",2\n', 'A: says "no"; B: 2'],
    ["names that come twice", "A,A,B\n1,2,3\n", "A: 1; A: 2; B: 3"],
    ["words alone", "yes,yes,no\nno,yes,no\n", "yes; yes; no\n\nno; yes; no"],
    ["a delimiter that is said", "sep=;\nA;B\n1;2\n", "A: 1; B: 2"],
    [
      "a title above",
      "Prices of May\n\nA;B\n1;2\n3;4\n",
      "Prices of May\n\nA: 1; B: 2\n\nA: 3; B: 4",
    ],
    ["a quotation mark that never ends", 'A,B\n"x,1\n2,3\n', 'A: "x; B: 1\n\nA: 2; B: 3'],
    ["the line ends of old", "A,B\r1,2\r3,4", "A: 1; B: 2\n\nA: 3; B: 4"],
    ["empty cells and rows", "A,B\n,2\n,\n\n1,\n", "B: 2\n\nA: 1"],
  ])("with %s are read", async (_name, content, text) => {
    expect((await read("a.csv", content)).documents).toMatchObject([{ text }]);
  });

  test("without a row are counted", async () => {
    expect(await read("a.csv", "\n \n")).toMatchObject({ skipped: ["empty"] });
    const utf16 = Buffer.from("Route,Price\nVikholm,140\n", "utf16le");
    expect(await read("a.csv", utf16)).toMatchObject({ skipped: ["encoding"] });
    expect(await read("a.csv", Uint8Array.of(0x63, 0xe9, 0x2c))).toMatchObject({
      skipped: ["encoding"],
    });
  });
});

describe("mail", () => {
  const head =
    "From: Ann Aune <ann@depot.example>\r\nTo: crew@depot.example, Bo <bo@depot.example>\r\nSubject: =?utf-8?q?F=C3=A4hre?= at noon\r\nDate: Tue, 5 Mar 2024 10:00:00 +0100\r\nMessage-ID: <one@depot.example>\r\n";

  test("has its headers as fields, and what was written without what it quotes", async () => {
    const body =
      "In-Reply-To: <zero@depot.example>\r\n\r\nThe ferry leaves at noon.\r\n\r\nOn Mon, 4 Mar 2024 at 09:00, Bo <bo@depot.example>\r\nwrote:\r\n> When does it leave?\r\n> Bo\r\n";
    expect((await read("a.eml", head + body)).documents).toEqual([
      {
        id: "a.eml",
        source: "/files/a.eml",
        title: "Fähre at noon",
        text: "The ferry leaves at noon.",
        timestamp: Date.parse("2024-03-05T09:00:00Z") / 1000,
        metadata: {
          from: "Ann Aune <ann@depot.example>",
          to: ["crew@depot.example", "Bo <bo@depot.example>"],
          message_id: "one@depot.example",
          in_reply_to: "zero@depot.example",
        },
      },
    ]);
  });

  test.each([
    ["nothing but a quotation", "> When?\n> Bo\n", "> When?\n> Bo\n"],
    ["an answer between quotations", "> Two?\n\nYes.\n\n> Three?\n\nNo.\n", "Yes.\n\nNo."],
    ["Outlook's whole mail", "Yes.\n\n-----Original Message-----\nFrom: Bo\nTwo?\n", "Yes."],
    ["a session of Python", "Try:\n\n>>> 1 + 1\n2\n", "Try:\n\n>>> 1 + 1\n2\n"],
    ["German", "Ja.\n\nAm 04.03.2024 um 09:00 schrieb Bo:\n> Zwei?\n", "Ja."],
    [
      "a forwarded mail",
      "See below.\n\n---------- Forwarded message ----------\nFrom: Bo\n\nTwo.\n",
      "See below.\n\n---------- Forwarded message ----------\nFrom: Bo\n\nTwo.",
    ],
  ])("with %s", async (_name, body, text) => {
    expect((await read("a.eml", `${head}\r\n${body}`)).documents).toMatchObject([{ text }]);
  });

  test("is not read with wrong signs: its charset may be another than it says", async () => {
    const latin = (type: string) => Buffer.from(`${head}${type}\r\ncaf\xe9 at noon`, "latin1");
    for (const type of ["", "Content-Type: text/plain; charset=utf-8\r\n"]) {
      expect(await read("a.eml", latin(type))).toMatchObject({ skipped: ["encoding"] });
    }
    const said = latin("Content-Type: text/plain; charset=iso-8859-1\r\n");
    expect((await read("a.eml", said)).documents).toMatchObject([{ text: "café at noon" }]);
    const own = Buffer.from(`${head}\r\nIt shows \ufffd here.`);
    expect((await read("a.eml", own)).documents).toMatchObject([{ text: "It shows \ufffd here." }]);
  });

  test("is read where its subject alone is in bytes that no header has a name for", async () => {
    const mail = (type: string, text: string) =>
      Buffer.from(
        `From: J\xf6rg <jo@depot.example>\nSubject: Gr\xfc\xdfe\n${type}\n${text}`,
        "latin1",
      );
    for (const type of ["", "Content-Type: text/plain; charset=iso-8859-1\n"]) {
      expect((await read("a.eml", mail(type, "Noon."))).documents).toMatchObject([
        { title: "Grüße", text: "Noon." },
      ]);
    }
    const greek = "Content-Type: text/plain; charset=iso-8859-7\n";
    const { documents } = await read("a.eml", mail(greek, "\xe1"));
    expect(documents).toMatchObject([{ title: "Grόίe", text: "α" }]);
    const cut = "From: a@depot.example\nSubject: =?UTF-8?B?Y2Fmww==?=\n\nNoon.";
    expect((await read("a.eml", cut)).documents).toMatchObject([{ text: "Noon." }]);
  });

  test("that is forwarded says what it forwards, also where it looks like a reply", async () => {
    const outlook = "FYI.\n\n-----Original Message-----\nFrom: Bo\n\nIt costs 140.\n";
    for (const subject of ["FW: Prices", "Fwd: Prices", "WG: Preise", "TR : Prix", "転送：料金"]) {
      const mail = `From: ann@depot.example\nSubject: ${subject}\n\n${outlook}`;
      const { documents } = await read("a.eml", mail);
      expect(documents[0]?.["text"], subject).toContain("It costs 140.");
    }
    const apple =
      "<p>FYI.</p><blockquote type='cite'>Begin forwarded message:<p>It costs 140.</p></blockquote>";
    const html = `From: ann@depot.example\nSubject: Fwd: Prices\nContent-Type: text/html\n\n${apple}`;
    expect((await read("a.eml", html)).documents[0]?.["text"]).toContain("It costs 140.");
    const reply = `From: ann@depot.example\nSubject: Re: FW: Prices\n\n${outlook}`;
    expect((await read("a.eml", reply)).documents).toMatchObject([{ text: "FYI." }]);
  });

  test("in HTML is read as a page is", async () => {
    const html =
      "<html><body><p>The <b>ferry</b> leaves.</p><table><tr><th>A</th></tr><tr><td>1</td></tr></table><blockquote type='cite'>When?</blockquote></body></html>";
    const { documents } = await read(
      "a.eml",
      `${head}Content-Type: text/html; charset=utf-8\r\n\r\n${html}`,
    );
    expect(documents).toMatchObject([{ text: "The ferry leaves.\n\n| A |\n| --- |\n| 1 |" }]);
  });

  test("brings its attachments through the same door, and no operations", async () => {
    const part = (name: string, type: string, content: Uint8Array | string) =>
      `--b\r\nContent-Type: ${type}; name="${name}"\r\nContent-Disposition: attachment; filename="${name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(content).toString("base64")}\r\n`;
    const mail = `${head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nTwo files.\r\n${part("prices.csv", "text/csv", "Route,Price\nVikholm,140\n")}${part("plan.pdf", "application/pdf", await pdf([["The plan of the summer."]]))}${part("wipe.ndjson", "application/x-ndjson", '{"op":"delete","id":"a.md"}')}${part("logo.png", "image/png", "x")}--b--\r\n`;
    const { documents, skipped } = await read("a.eml", mail);
    expect(documents).toMatchObject([
      { id: "a.eml", text: "Two files." },
      { id: "a.eml#prices.csv", title: "prices.csv", text: "Route: Vikholm; Price: 140" },
      {
        id: "a.eml#plan.pdf",
        text: "## Page 1\n\nThe plan of the summer.",
        metadata: { attachment: "plan.pdf", pages: 1 },
      },
    ]);
    expect(skipped).toEqual(["type", "type"]);
  });

  test("within mail within mail ends at a depth", async () => {
    let mail = `${head}\r\nInnermost.\r\n`;
    for (let depth = 0; depth < 30; depth += 1) {
      mail = `${head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b${depth}\r\n\r\n--b${depth}\r\nContent-Type: text/plain\r\n\r\nLevel ${depth}.\r\n--b${depth}\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; filename=m.eml\r\n\r\n${mail}\r\n--b${depth}--\r\n`;
    }
    const { documents, skipped } = await read("a.eml", mail);
    expect(documents.length).toBeGreaterThan(0);
    expect(documents.length + skipped.length).toBeLessThan(20);
  });

  test("in a mailbox is a document each, named after its message id", async () => {
    const second = head.replace("one@", "two@");
    const mailbox = `From ann@depot.example Tue Mar  5 10:00:00 2024\r\n${head}\r\nOne.\r\n>From here on it is text.\r\n\r\nFrom bo@depot.example Tue Mar  5 11:00:00 2024\r\n${second}\r\nTwo.\r\n`;
    expect((await read("box.mbox", mailbox)).documents).toMatchObject([
      { id: "box.mbox#one@depot.example", text: "One.\nFrom here on it is text." },
      { id: "box.mbox#two@depot.example", text: "Two." },
    ]);
  });

  test("in a mailbox is not cut at a line of its text that begins with From", async () => {
    const text =
      "One.\n\nFrom the pier it is near.\nBring: nothing.\n\nFrom 10:30 on\nit is open.\n";
    const mailbox = `From ann@depot.example Tue Mar  5 10:00:00 2024\n${head}\n${text}\nFrom - Tue Mar  5 11:00:00 2024\nX-Status: read\n${head.replace("one@", "two@")}\nTwo.\n`;
    expect((await read("box.mbox", mailbox)).documents).toMatchObject([
      { id: "box.mbox#one@depot.example", text: text.trim() },
      { id: "box.mbox#two@depot.example", text: "Two." },
    ]);
  });
});

describe("text", () => {
  test.each([
    ["a.rst", "The ``code`` of *stars*\n=======================\n\nx\n", "The code of stars"],
    ["a.adoc", "= The `code` of *stars*\n\nx\n", "The code of stars"],
  ])("in %s is called without markup", async (name, content, title) => {
    expect((await read(name, content)).documents).toMatchObject([{ title }]);
  });

  test("in AsciiDoc has its headings, code and header", async () => {
    const content =
      "= Ferry handbook\nAnn Aune\n:revdate: 2024-05-01\n:author: Ann Aune\n\n== Prices\n\nFrom *May*.\n\n[source,sh]\n----\n== no heading\n----\n\n* dogs\n** big dogs\n\n////\nno\n////\n";
    expect((await read("a.adoc", content)).documents).toMatchObject([
      {
        title: "Ferry handbook",
        text: "# Ferry handbook\n\nAnn Aune\n\n## Prices\n\n\nFrom *May*.\n\n```sh\n== no heading\n```\n\n- dogs\n  - big dogs",
        timestamp: 1_714_521_600,
        metadata: { author: "Ann Aune" },
      },
    ]);
  });

  test("in reStructuredText has its headings and literal blocks", async () => {
    const content =
      "==============\nFerry handbook\n==============\n\nPrices\n======\n\nRun this::\n\n    pay --all\n    # no heading\n\n.. note:: Dogs travel free.\n\n.. code-block:: python\n   :linenos:\n\n   x = 1\n\nDetails\n-------\n\nMore.\n\n====  ====\nA     B\n====  ====\n1     2\n====  ====\n";
    const { documents } = await read("a.rst", content);
    const text = String(documents[0]?.["text"]);
    expect(documents).toMatchObject([{ title: "Ferry handbook" }]);
    expect(text.match(/^#+ .*$/gm)).toEqual([
      "# Ferry handbook",
      "## Prices",
      "# no heading",
      "### Details",
    ]);
    expect(text).toContain(
      "Run this:\n\n````\npay --all\n# no heading\n````\n\nnote: Dogs travel free.\n\n````python\nx = 1\n````",
    );
    expect(text).toContain("| 1 | 2 |");
  });
});

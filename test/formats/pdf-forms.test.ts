import { PDFDocument, PDFName, PDFString, StandardFonts } from "pdf-lib";
import { afterAll, describe, expect, test } from "vitest";
import { writtenOver } from "../../src/ingest/formats/pdf-fields.ts";
import { openFileReader } from "../../src/ingest/formats/reader.ts";
import { readNamed } from "./support.ts";

const reader = openFileReader();
afterAll(() => reader.close());

async function emptyForm() {
  const file = await PDFDocument.create();
  const page = file.addPage([400, 600]);
  const font = await file.embedFont(StandardFonts.Helvetica);
  page.drawText("Application for a berth", { x: 30, y: 550, size: 11, font });
  return { file, page, form: file.getForm() };
}

async function textOf(file: PDFDocument): Promise<unknown> {
  const { documents } = await readNamed(reader, "a.pdf", await file.save());
  return documents[0]?.["text"];
}

const at = (y: number) => ({ x: 80, y, width: 100, height: 20 });

describe("a form of PDF", () => {
  test("says what was filled in, ticked and chosen, and of the rest nothing", async () => {
    const { file, page, form } = await emptyForm();
    const name = form.createTextField("form1[0].Page1[0].Name[0]");
    name.setText("Ann Aune");
    name.addToPage(page, at(500));
    form.createTextField("mail").addToPage(page, at(470));
    const member = form.createCheckBox("member");
    member.addToPage(page, at(440));
    member.check();
    form.createCheckBox("news").addToPage(page, at(410));
    const harbour = form.createDropdown("harbour");
    harbour.addOptions(["Askby", "Ekby"]);
    harbour.select("Ekby");
    harbour.addToPage(page, at(380));
    const size = form.createRadioGroup("size");
    for (const [index, option] of ["small", "large"].entries()) {
      size.addOptionToPage(option, page, at(350 - index * 30));
    }
    size.select("large");
    expect(await textOf(file)).toBe(
      "## Page 1\n\nApplication for a berth\n\nName: Ann Aune\n[x] member\nharbour: Ekby\nsize: large",
    );
  });

  test("says what was typed over its page", async () => {
    const { file, page } = await emptyForm();
    const note = file.context.obj({
      Type: "Annot",
      Subtype: "FreeText",
      Rect: [30, 300, 200, 330],
      Contents: PDFString.of("Berth 12 is free."),
      DA: PDFString.of("/Helv 11 Tf"),
    });
    page.node.set(PDFName.of("Annots"), file.context.obj([file.context.register(note)]));
    expect(await textOf(file)).toBe("## Page 1\n\nApplication for a berth\n\nBerth 12 is free.");
  });

  test("does not say what it hides, passwords, and what is no field", () => {
    const field = { subtype: "Widget", fieldName: "pin", fieldValue: "1234" };
    expect(writtenOver([field])).toEqual(["pin: 1234"]);
    const hidden = [
      { ...field, hidden: true },
      { ...field, password: true },
    ];
    expect(writtenOver([...hidden, { ...field, subtype: "Link" }, null, 7, {}])).toEqual([]);
    expect(writtenOver([{ ...field, fieldValue: 7, alternativeText: "Pin" }])).toEqual([]);
  });
});

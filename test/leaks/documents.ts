/**
 * Documents with planted values in every place that a publisher can write to, and files of the
 * kinds that `freshet ingest` reads. Pure but for packing the files.
 */

import { Document, Packer, Paragraph } from "docx";
import { PDFDocument, StandardFonts } from "pdf-lib";
import { words } from "../formats/seeds.ts";
import { type Plant, type Plants, written } from "./kinds.ts";

export interface PlantedValue {
  readonly kind: string;
  readonly place: string;
  readonly value: string;
  /** In a question, not in a document: who asked may hear it again. */
  readonly isAsked: boolean;
}

export interface PlantedDocument {
  readonly id: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface PlantedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Keeps book of what was planted where. */
export class Garden {
  readonly plants: Plants;
  readonly all: PlantedValue[] = [];
  /** Words that are no secret: what does not find them in a store has not looked into it. */
  readonly markers: string[] = [];
  isAsking = false;

  constructor(plants: Plants) {
    this.plants = plants;
  }

  /** A value with what is written around it. */
  in(place: string, kind?: string): string {
    return written(this.plant(place, kind));
  }

  plant(place: string, kind?: string): Plant {
    const plant = kind === undefined ? this.plants.next() : this.plants.of(kind);
    this.all.push({ kind: plant.kind, place, value: plant.value, isAsked: this.isAsking });
    return plant;
  }

  marker(): string {
    const marker = `zeichen${this.plants.dice.text("bcdfghklmnprstvz", 12)}`;
    this.markers.push(marker);
    return marker;
  }
}

/** `in` every place of a document; `number` makes its words. */
export function plantedDocument(garden: Garden, number: number): PlantedDocument {
  const id = `document-${number}`;
  return { id, body: { id, text: textOf(garden, number), ...fieldsOf(garden, number) } };
}

function textOf(garden: Garden, number: number): string {
  return [
    `# ${words(number, 3)}`,
    `${words(number, 12)} ${garden.marker()}. Please note:\n${garden.in("text")}`,
    `- ${garden.in("text")}\n- ${words(number + 1, 6)}`,
  ].join("\n\n");
}

/** Some of the fields; their places take turns, so that each kind is in each of them. */
function fieldsOf(garden: Garden, number: number): Readonly<Record<string, unknown>> {
  switch (number % 6) {
    case 0:
      return { title: `About ${garden.in("title")}` };
    case 1:
      return { source: `https://x.example/${number} ${garden.in("source")}` };
    case 2:
      return { metadata: { note: `see ${garden.in("metadata value")}` } };
    case 3:
      return { metadata: { notes: ["none", `as ${garden.in("metadata list")}`] } };
    case 4:
      return { metadata: { [`of ${garden.in("metadata key", keyKindOf(number))}`]: true } };
    default:
      return { metadata: labelledBy(garden, number) };
  }
}

/** Keys have at most 64 characters or so: long values are no keys. */
const keyKinds = ["email", "card", "IPv4", "IBAN of Germany", "MAC", "AWS key", "email in a URL"];
const keyKindOf = (number: number): string => keyKinds[number % keyKinds.length] as string;

/** What only its key tells to be a secret. */
function labelledBy(garden: Garden, number: number): Readonly<Record<string, unknown>> {
  const plant = (kind: string): string => garden.plant("metadata by its key", kind).value;
  switch (number % 4) {
    case 0:
      return { password: plant("password of a setting") };
    case 1:
      return { phone: Number(plant("card").replaceAll(/\D/g, "")) };
    case 2:
      return { apiKey: plant("key by its name") };
    default:
      return { date_of_birth: plant("date of birth") };
  }
}

/** What is refused: each has to say why without a word of it. */
export function refusedBodies(garden: Garden): readonly string[] {
  const secret = (place: string, kind?: string): string => garden.in(place, kind);
  const json = (fields: object): string => JSON.stringify({ text: "A lamp.", ...fields });
  return [
    `{"id": "broken", "text": ${secret("broken JSON", "email")}`,
    `${secret("no JSON at all", "GitHub token")}`,
    json({ id: "unknown-field", [secret("unknown field", "email")]: 1 }),
    json({ id: "wrong-type", text: [secret("text that is a list")] }),
    json({ id: "wrong-op", op: secret("operation", "email") }),
    json({ id: "wrong-time", timestamp: secret("timestamp", "email") }),
    json({ id: "wrong-language", language: secret("language", "email") }),
    json({ id: "nested", metadata: { note: { deep: secret("nested metadata") } } }),
    json({ id: "nested-key", metadata: { [secret("key of nested", "email")]: { deep: 1 } } }),
    json({ id: secret("document id", "email") }),
    json({ id: secret("document id", "card") }),
    json({ id: secret("document id", "GitHub token") }),
    json({ id: "label", acl: [`user:${secret("label", "email")}`] }),
    json({ id: "label-number", acl: [secret("label", "card")] }),
    json({ id: "wrong-label", acl: [` ${secret("label with a blank", "email")}`] }),
    json({ id: [secret("id that is a list", "email")] }),
  ];
}

/** One of each kind of file that is read. */
export async function plantedFiles(
  garden: Garden,
  number: number,
): Promise<readonly PlantedFile[]> {
  const lines = (place: string): string[] => [
    `${words(number, 8)} ${garden.marker()}`,
    `It says ${garden.in(place)} here.`,
    `And ${garden.in(place)} there.`,
  ];
  const file = (name: string, text: string): PlantedFile => ({
    name: `${number}-${name}`,
    bytes: Buffer.from(text),
  });
  const html = lines("HTML").map((line) => `<p>${line.replaceAll("&", "&amp;")}</p>`);
  const mail = `From: ${garden.in("mail header", "email")}\r\nSubject: ${words(number, 3)}\r\nDate: Tue, 5 Mar 2024 10:00:00 +0100\r\n`;
  const record = { id: `line-${number}`, text: lines("JSON lines").join(" ") };
  return [
    file("page.html", `<html><title>${garden.in("HTML title")}</title>${html.join("")}</html>`),
    file(
      "page.md",
      `# ${garden.in("Markdown heading", "email")}\n\n${lines("Markdown").join("\n\n")}`,
    ),
    file("page.txt", lines("plain text").join("\n")),
    file("mail.eml", `${mail}\r\n${lines("mail").join("\r\n")}\r\n`),
    file("table.csv", `Name,Note\n${csv(lines("table"))}\n`),
    file("lines.jsonl", `${JSON.stringify(record)}\n`),
    { name: `${number}-page.pdf`, bytes: await pdfOf(lines("PDF")) },
    { name: `${number}-page.docx`, bytes: await docxOf(lines("DOCX")) },
    // The name becomes the document's id.
    file(`${garden.in("file name", "email")}.txt`, "A lamp."),
  ];
}

function csv(cells: readonly string[]): string {
  return cells.map((cell, at) => `${at},"${cell.replaceAll('"', '""')}"`).join("\n");
}

async function pdfOf(lines: readonly string[]): Promise<Uint8Array> {
  const file = await PDFDocument.create();
  const font = await file.embedFont(StandardFonts.Courier);
  const sheet = file.addPage();
  const rows = lines.flatMap((line) => line.split("\n"));
  // The font knows Latin letters only, and a page has an edge.
  const plain = rows.map((row) => row.replaceAll(/[^\x20-\x7e\u00a0-\u00ff]/g, "-"));
  for (const [at, row] of plain.entries())
    sheet.drawText(row, { x: 20, y: 780 - 14 * at, size: Math.min(10, 880 / row.length), font });
  return file.save();
}

function docxOf(lines: readonly string[]): Promise<Uint8Array> {
  const children = lines.map((line) => new Paragraph(line));
  return Packer.toBuffer(new Document({ sections: [{ children }] }));
}

/**
 * The text layer of a PDF, page by page: each page is a section, so that what is found in it names
 * its page.
 */

import type { PDFDocumentProxy } from "unpdf/pdfjs";
import { type AttachedContext, type AttachedFile, attachedParts } from "./attached.ts";
import { type Converted, type ConvertedPart, type FileMetadata, Unreadable } from "./convert.ts";
import { saysNoTitle } from "./file-names.ts";
import { kindOf } from "./kinds.ts";
import { writtenOver } from "./pdf-fields.ts";
import {
  byColumns,
  isGarbled,
  type Page,
  type PageLine,
  type TextItem,
  withoutRepeatedEdges,
} from "./pdf-lines.ts";
import { readLines } from "./pdf-turned.ts";
import { compoundsIn, joinWords } from "./pdf-words.ts";

/** A page with fewer letters has a stamp on its picture, and no text layer. */
const pageCharsMin = 8;
/** Of the pages, so many have text in a file that is no scan. */
const textPagesShareMin = 0.1;
/** Lines further apart than this, in line heights, are paragraphs. */
const paragraphGap = 1.6;
/** Of pages without text so many are looked at for a picture: each may take a second. */
const picturePagesLookedAt = 3;
const rangesShownMax = 10;
const none: ReadonlySet<string> = new Set();

/**
 * Its pages are a document, and so is each file that is attached to it.
 *
 * @throws Unreadable locked, scan
 */
export async function pdfParts(
  bytes: Uint8Array,
  context: AttachedContext,
): Promise<readonly ConvertedPart[]> {
  const { getDocumentProxy } = await import("unpdf");
  const pdf = await getDocumentProxy(new Uint8Array(bytes), { verbosity: 0 }).catch(
    (error: Error) => {
      throw error.name === "PasswordException" ? new Unreadable("locked") : error;
    },
  );
  const attached = await attachedParts(await filesWithin(pdf), context);
  const pages = await pagesOf(pdf).catch((error: unknown): readonly ConvertedPart[] => {
    // A picture as the cover of its files.
    if (!(error instanceof Unreadable) || attached.length === 0) throw error;
    return [{ skipped: error.reason, detail: error.detail }];
  });
  return [...pages, ...attached];
}

/** A file that cannot be listed costs no page. */
async function filesWithin(pdf: PDFDocumentProxy): Promise<readonly AttachedFile[]> {
  const listed: unknown = await pdf.getAttachments().catch(() => null);
  if (!(listed instanceof Map)) return [];
  return [...listed].map(([id, said]: readonly [string, { readonly filename?: unknown }]) => {
    const name = typeof said.filename === "string" && said.filename !== "" ? said.filename : id;
    const bytes = async () => (await pdf.getAttachmentContent(id)) ?? new Uint8Array();
    return { name, shownName: name, kind: kindOf(name), bytes };
  });
}

async function pagesOf(pdf: PDFDocumentProxy): Promise<readonly ConvertedPart[]> {
  const read: Page[] = [];
  const written: string[] = [];
  const unreadable: number[] = [];
  for (let number = 1; number <= pdf.numPages; number += 1) {
    const page = await pdf.getPage(number);
    const { items } = await page.getTextContent();
    const { lines, bottom, top } = readLines(
      items.filter((item): item is typeof item & TextItem => "str" in item),
      page.view,
    );
    const garbled = isGarbled(lines);
    if (garbled) unreadable.push(number);
    read.push({ lines: garbled ? [] : lines, bottom, top });
    // A form that cannot be read is a page like others.
    const over = writtenOver(await page.getAnnotations().catch(() => []));
    written.push(joinLines(over, none));
    page.cleanup();
  }
  const compounds = compoundsIn(read.flatMap(({ lines }) => lines.map(({ text }) => text)));
  const pages = withoutRepeatedEdges(read).map(({ lines }, index) =>
    [pageText(byColumns(lines), compounds), written[index] ?? ""]
      .filter((each) => each !== "")
      .join("\n\n"),
  );
  const bare = read.flatMap(({ lines }, index) => {
    const chars = lines.reduce((sum, { text }) => sum + text.length, written[index]?.length ?? 0);
    return chars < pageCharsMin ? [index + 1] : [];
  });
  const filled = pages.length - bare.length;
  if (filled < pages.length * textPagesShareMin || filled === 0) throw new Unreadable("scan");
  const { info } = await pdf.getMetadata();
  const document: Converted = {
    ...describe(info as Readonly<Record<string, unknown>>, pages.length),
    text: pages
      .map((text, index) => (text === "" ? "" : `## Page ${index + 1}\n\n${text}`))
      .filter((text) => text !== "")
      .join("\n\n"),
  };
  const detail = `no text layer: page ${rangesOf(bare)}`;
  return unreadable.length > 0 || (await havePictures(pdf, bare))
    ? [document, { skipped: "scan", detail }]
    : [document];
}

/** An empty page is no loss. Pictures are unpacked for this, so that not all are looked at. */
async function havePictures(pdf: PDFDocumentProxy, numbers: readonly number[]): Promise<boolean> {
  const { OPS } = await (await import("unpdf")).getResolvedPDFJS();
  const paints: ReadonlySet<number> = new Set([
    ...[OPS.paintImageXObject, OPS.paintInlineImageXObject, OPS.paintImageMaskXObject],
  ]);
  for (const number of numbers.slice(0, picturePagesLookedAt)) {
    const page = await pdf.getPage(number);
    const { fnArray } = await page.getOperatorList();
    page.cleanup();
    if (fnArray.some((operation) => paints.has(operation))) return true;
  }
  return false;
}

/** `1-3, 7` */
function rangesOf(numbers: readonly number[]): string {
  const starts = numbers.filter((number, at) => numbers[at - 1] !== number - 1);
  const ends = numbers.filter((number, at) => numbers[at + 1] !== number + 1);
  return starts
    .slice(0, rangesShownMax)
    .map((start, at) => (start === ends[at] ? `${start}` : `${start}-${ends[at]}`))
    .concat(starts.length > rangesShownMax ? ["\u2026"] : [])
    .join(", ");
}

function pageText(lines: readonly PageLine[], compounds: ReadonlySet<string>): string {
  const paragraphs: string[][] = [];
  let lastY: number | undefined;
  for (const { text, y, height } of lines) {
    const isApart = lastY === undefined || Math.abs(lastY - y) > height * paragraphGap;
    if (isApart) paragraphs.push([text]);
    else paragraphs.at(-1)?.push(text);
    lastY = y;
  }
  return paragraphs.map((each) => joinLines(each, compounds)).join("\n\n");
}

/** What would be a heading, a fence or a rule to Markdown stands in a PDF as letters. */
const looksLikeMarkup = /^(?=#{1,6}\s|`{3}|~{3}|[=-]+$)/;

/** Lines of a paragraph; a word that was cut at the end of one is whole again. */
function joinLines(lines: readonly string[], compounds: ReadonlySet<string>): string {
  const text = lines.map((line) => line.replace(looksLikeMarkup, "\\")).join("\n");
  return joinWords(text, compounds);
}

function describe(
  info: Readonly<Record<string, unknown>>,
  pages: number,
): Pick<Converted, "title" | "date" | "metadata"> {
  const textOf = (name: string): string => {
    const value = info[name];
    return typeof value === "string" ? value.trim() : "";
  };
  const title = textOf("Title");
  const author = textOf("Author");
  const metadata: FileMetadata = { pages, ...(author === "" ? {} : { author }) };
  return {
    title: saysNoTitle(title) ? undefined : title,
    date: pdfDate(textOf("ModDate")) ?? pdfDate(textOf("CreationDate")),
    metadata,
  };
}

/** `D:20240131120000+01'00'` */
export function pdfDate(value: string): string | undefined {
  const parts =
    /^D:(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?(?:([+-])(\d{2})'?(\d{2})?'?|Z)?/.exec(
      value,
    );
  if (parts === null) return undefined;
  const [
    ,
    year,
    month,
    day,
    hour = "00",
    minute = "00",
    second = "00",
    sign,
    zoneHour,
    zoneMinute = "00",
  ] = parts;
  const zone = sign === undefined ? "Z" : `${sign}${zoneHour}:${zoneMinute}`;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`;
}

/**
 * The text layer of a PDF, page by page: each page is a section, so that what is found in it names
 * its page.
 */

import { type Converted, type FileMetadata, Unreadable } from "./convert.ts";
import { saysNoTitle } from "./file-names.ts";
import { writtenOver } from "./pdf-fields.ts";

/** A page with fewer letters has a stamp on its picture, and no text layer. */
const pageCharsMin = 8;
/** Of the pages, so many have text in a file that is no scan. */
const textPagesShareMin = 0.1;
/** Lines further apart than this, in line heights, are paragraphs. */
const paragraphGap = 1.6;

interface TextItem {
  readonly str: string;
  readonly hasEOL: boolean;
  readonly height: number;
  /** Its last number is how far up the page it stands. */
  readonly transform: readonly number[];
}

/** @throws Unreadable locked, scan */
export async function pdfDocument(bytes: Uint8Array): Promise<Converted> {
  const { getDocumentProxy } = await import("unpdf");
  const pdf = await getDocumentProxy(new Uint8Array(bytes), { verbosity: 0 }).catch(
    (error: Error) => {
      throw error.name === "PasswordException" ? new Unreadable("locked") : error;
    },
  );
  const pages: string[] = [];
  for (let number = 1; number <= pdf.numPages; number += 1) {
    const page = await pdf.getPage(number);
    const { items } = await page.getTextContent();
    const text = pageText(items.filter((item): item is typeof item & TextItem => "str" in item));
    // A form that cannot be read is a page like others.
    const written = writtenOver(await page.getAnnotations().catch(() => []));
    pages.push([text, joinLines(written)].filter((each) => each !== "").join("\n\n"));
    page.cleanup();
  }
  const filled = pages.filter((text) => text.length >= pageCharsMin).length;
  if (filled < pages.length * textPagesShareMin || filled === 0) throw new Unreadable("scan");
  const { info } = await pdf.getMetadata();
  return {
    ...describe(info as Readonly<Record<string, unknown>>, pages.length),
    text: pages
      .map((text, index) => (text === "" ? "" : `## Page ${index + 1}\n\n${text}`))
      .filter((text) => text !== "")
      .join("\n\n"),
  };
}

function pageText(items: readonly TextItem[]): string {
  const paragraphs: string[] = [];
  let line = "";
  let lines: string[] = [];
  let lastY: number | undefined;
  const endLine = (): void => {
    if (line.trim() !== "") lines.push(line.trim());
    line = "";
  };
  const endParagraph = (): void => {
    endLine();
    if (lines.length > 0) paragraphs.push(joinLines(lines));
    lines = [];
  };
  for (const { str, hasEOL, height, transform } of items) {
    const y = transform[5] ?? 0;
    if (lastY !== undefined && height > 0 && Math.abs(lastY - y) > height * paragraphGap) {
      endParagraph();
    }
    line += str;
    if (hasEOL) endLine();
    if (str.trim() !== "") lastY = y;
  }
  endParagraph();
  return paragraphs.join("\n\n");
}

/** What would be a heading, a fence or a rule to Markdown stands in a PDF as letters. */
const looksLikeMarkup = /^(?=#{1,6}\s|`{3}|~{3}|[=-]+$)/;

/** `state-of-the-`: a word with hyphens of its own is cut at one of them, which stays. */
const compoundCut = /(?<=\p{Ll}[-\u2010]\p{Ll}{1,30}\u00ad?)([-\u2010])\n(?=\p{Ll})/gu;

/** Lines of a paragraph; a word that was cut at the end of one is whole again. */
function joinLines(lines: readonly string[]): string {
  return lines
    .map((line) => line.replace(looksLikeMarkup, "\\"))
    .join("\n")
    .replace(compoundCut, "$1")
    .replace(/(\p{Ll})\u00ad?[-\u00ad\u2010]\n(?=\p{Ll})/gu, "$1");
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

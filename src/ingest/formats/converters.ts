/** Which library converts which kind. Runs in the process for conversions only. */

import { limits } from "../../contract/limits.ts";
import { asciidocDocument } from "./asciidoc.ts";
import { noTextOf, otherContent } from "./content-signs.ts";
import { type ConversionRequest, type ConvertedPart, isConverted, Unreadable } from "./convert.ts";
import { decodeText } from "./decode.ts";
import { markdownDocument } from "./markdown-file.ts";
import { withoutProgram } from "./mdx.ts";
import { rstDocument } from "./rst.ts";
import { subtitlesDocument } from "./subtitles.ts";

/** What becomes of a file: its documents, and reasons for what is left out. Never throws. */
export async function convertFile(
  request: ConversionRequest,
  depth = 0,
): Promise<readonly ConvertedPart[]> {
  try {
    return bounded(await partsOf(request, depth));
  } catch (error) {
    // A library says in words of its own what it does not like.
    const { reason, detail } = error instanceof Unreadable ? error : new Unreadable("broken");
    const isNamed = reason === "broken" || reason === "encoding";
    const other = isNamed ? otherContent(request.kind, request.bytes) : undefined;
    return [{ skipped: reason, detail: other ?? detail }];
  }
}

/** Libraries are loaded with the first file of their kind: most folders hold one or two. */
async function partsOf(
  { kind, bytes }: ConversionRequest,
  depth: number,
): Promise<readonly ConvertedPart[]> {
  const context = { depth, readAttachment: convertFile };
  const other = noTextOf(kind, bytes);
  if (other !== undefined) throw new Unreadable("broken", other);
  switch (kind) {
    case "html": {
      const { readPage } = await import("./html/page.ts");
      const { findArticle } = await import("./html/article.ts");
      return [await readPage(decodeText(bytes), findArticle)];
    }
    case "pdf":
      return (await import("./pdf.ts")).pdfParts(bytes, context);
    case "docx":
      return [await (await import("./docx.ts")).docxDocument(bytes)];
    case "eml":
      return (await import("./mail.ts")).mailParts(bytes, context);
    case "mbox":
      return (await import("./mail.ts")).mailboxParts(bytes, context);
    case "calendar":
      return [(await import("./calendar.ts")).calendarDocument(decodeText(bytes))];
    case "csv":
    case "tsv": {
      const { csvDocument } = await import("./csv.ts");
      return [csvDocument(decodeText(bytes), kind === "tsv" ? "\t" : undefined)];
    }
    case "markdown":
      return [markdownDocument(decodeText(bytes))];
    case "mdx":
      return [markdownDocument(decodeText(bytes), withoutProgram)];
    case "asciidoc":
      return [asciidocDocument(decodeText(bytes))];
    case "rst":
      return [rstDocument(decodeText(bytes))];
    case "subtitles":
      return [subtitlesDocument(decodeText(bytes))];
    case "text":
      return [{ text: decodeText(bytes) }];
    case "notebook":
      return [(await import("./notebook.ts")).notebookDocument(decodeText(bytes))];
    case "json":
    case "ndjson":
      return [{ skipped: "type" }];
  }
}

/** What is beyond the bounds is counted, and what is within them is kept. */
function bounded(parts: readonly ConvertedPart[]): readonly ConvertedPart[] {
  let chars = 0;
  const kept: ConvertedPart[] = [];
  for (const part of parts) {
    if (isConverted(part)) chars += part.text.length;
    if (chars > limits.convertedTextBytesMax || kept.length >= limits.convertedDocumentsMax) {
      return [...kept, { skipped: "size" }];
    }
    kept.push(isConverted(part) && part.text.trim() === "" ? { skipped: "empty" } : part);
  }
  return kept;
}

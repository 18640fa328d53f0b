/** The reader of files: text is read here, everything else by a library in a process of its own. */

import { cutText } from "../contract/well-formed.ts";
import { htmlText, htmlTitle } from "./html.ts";
import { jsonParts, ndjsonParts } from "./json.ts";
import type { CorpusFile, FileReader, Part } from "./port.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });
const titleCharsMax = 300;

export function openFileReader(): FileReader {
  return { documentsOf: async (file, bytes) => documentsOf(file, bytes), close: async () => {} };
}

function documentsOf(file: CorpusFile, bytes: Uint8Array): readonly Part[] {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return [{ skipped: "encoding" }];
  }
  switch (file.kind) {
    case "markdown":
      return [textPart(file, text, headingOf(text))];
    case "text":
      return [textPart(file, text, undefined)];
    case "html":
      return [htmlPart(file, text)];
    case "json":
      return jsonParts(text);
    case "ndjson":
      return ndjsonParts(text);
    default:
      return [{ skipped: "type" }];
  }
}

/**
 * The library recurses: a page of thousands of unclosed tags exhausts the stack, and only that page
 * is at fault.
 */
function htmlPart(file: CorpusFile, html: string): Part {
  try {
    return textPart(file, htmlText(html), htmlTitle(html));
  } catch {
    return { skipped: "broken" };
  }
}

function textPart(file: CorpusFile, text: string, title: string | undefined): Part {
  if (text.trim() === "") return { skipped: "empty" };
  const name = file.id.split("/").at(-1) ?? file.id;
  const shown = title === undefined || title === "" ? name : title;
  const { id, source } = file;
  return { document: { id, text, title: cutText(shown, titleCharsMax), source } };
}

/** The first ATX or setext heading outside of code fences. */
function headingOf(markdown: string): string | undefined {
  const visible = markdown.replaceAll(/^(```|~~~)[\s\S]*?^\1/gm, "");
  const match = /^#{1,6}[ \t]+(.+?)[ \t#]*$|^(\S.*)\n(?:=+|-{2,})[ \t]*$/m.exec(visible);
  const heading = match?.[1] ?? match?.[2];
  return heading?.replaceAll(/[*_`]|<[^>]*>|!?\[([^\]]*)\]\([^)]*\)/g, "$1").trim();
}

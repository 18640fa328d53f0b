/** A file's bytes to documents. Pure but for the HTML library: values in, values out. */

import { convert, type HtmlToTextOptions } from "html-to-text";
import { cutText } from "../../contract/well-formed.ts";

/** A document as it is published; checked only when it is. */
export type CorpusDocument = Readonly<Record<string, unknown>>;

export type FileKind = "markdown" | "text" | "html" | "json" | "ndjson";

/** Why something was left out; counted and told at the end. */
export type SkipReason = "type" | "encoding" | "empty" | "format" | "size" | "invalid" | "broken";

export type Part = { readonly document: CorpusDocument } | { readonly skipped: SkipReason };

const kinds: Readonly<Record<string, FileKind>> = {
  md: "markdown",
  markdown: "markdown",
  txt: "text",
  html: "html",
  htm: "html",
  json: "json",
  ndjson: "ndjson",
  jsonl: "ndjson",
};

export function kindOf(path: string): FileKind | undefined {
  const extension = /\.([^./\\]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(kinds, extension) ? kinds[extension] : undefined;
}

export interface CorpusFile {
  /** Where the file is, as the reader of an answer should see it. */
  readonly source: string;
  /** Path relative to the folder that was given, with `/`. */
  readonly id: string;
  readonly kind: FileKind;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });
const titleCharsMax = 300;

export function documentsOf(file: CorpusFile, bytes: Uint8Array): readonly Part[] {
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
      return text
        .split("\n")
        .filter((line) => line.trim() !== "")
        .map(lineDocument);
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

const headings = ["h1", "h2", "h3", "h4", "h5", "h6"];
const htmlOptions: HtmlToTextOptions = {
  wordwrap: false,
  formatters: {
    // Headings become Markdown's, so that chunks of a page keep them as context.
    heading(element, walk, builder) {
      builder.openBlock({ leadingLineBreaks: 2 });
      builder.addInline(`${"#".repeat(Number(element.name?.slice(1) ?? 1))} `);
      walk(element.children, builder);
      builder.closeBlock({ trailingLineBreaks: 2 });
    },
  },
  selectors: [
    ...headings.map((selector) => ({ selector, format: "heading" })),
    { selector: "a", options: { ignoreHref: true } },
    ...["img", "nav", "script", "style"].map((selector) => ({ selector, format: "skip" })),
  ],
};

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

function htmlText(html: string): string {
  return convert(html, htmlOptions);
}

function htmlTitle(html: string): string | undefined {
  const inner =
    /<title[^>]*>([\s\S]*?)<\/title>/i.exec(html) ?? /<h1[^>]*>([\s\S]*?)<\/h1>/i.exec(html);
  const text = inner?.[1];
  return text === undefined ? undefined : convert(text, { wordwrap: false }).trim();
}

function jsonParts(text: string): readonly Part[] {
  const value = parse(text);
  if (Array.isArray(value)) return value.map(documentPart);
  return [documentPart(value)];
}

/** One line of NDJSON. */
export function lineDocument(line: string): Part {
  return documentPart(parse(line));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Corpora of the retrieval benchmarks call the id `_id`, and send an empty title. */
function documentPart(value: unknown): Part {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { skipped: "format" };
  }
  const { _id, ...rest } = value as Record<string, unknown>;
  const id = rest["id"] ?? _id;
  if (typeof id !== "string") return { skipped: "format" };
  if (_id !== undefined && rest["title"] === "") delete rest["title"];
  return { document: { ...rest, id } };
}

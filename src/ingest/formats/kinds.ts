/** Which files are read, by the end of their name. */

import type { FileKind } from "./port.ts";

const kinds: Readonly<Record<string, FileKind>> = {
  md: "markdown",
  markdown: "markdown",
  mdown: "markdown",
  mkd: "markdown",
  mdx: "mdx",
  txt: "text",
  text: "text",
  adoc: "asciidoc",
  asciidoc: "asciidoc",
  rst: "rst",
  html: "html",
  htm: "html",
  xhtml: "html",
  json: "json",
  ndjson: "ndjson",
  jsonl: "ndjson",
  ipynb: "notebook",
  csv: "csv",
  tsv: "tsv",
  pdf: "pdf",
  docx: "docx",
  eml: "eml",
  mbox: "mbox",
  ics: "calendar",
  vtt: "subtitles",
  srt: "subtitles",
};

export function kindOf(path: string): FileKind | undefined {
  const extension = /\.([^./\\]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(kinds, extension) ? kinds[extension] : undefined;
}

/** For a help text: `.md, .txt, …` */
export const readableNames = Object.keys(kinds)
  .map((extension) => `.${extension}`)
  .join(", ");

/** A Markdown file as a document: what stands above the text, and the title of the text. */

import { firstHeading } from "../../text/markdown.ts";
import type { Converted } from "./convert.ts";
import { frontMatterOf, meaningOf } from "./front-matter.ts";
import { withoutComments } from "./markdown-comments.ts";

/** @param ownText what of the text below its front matter is for a reader */
export function markdownDocument(
  file: string,
  ownText: (text: string) => string = (text) => text,
): Converted {
  // Old programs end a line with a return alone, and Markdown takes it for an end.
  const source = file.replace(/\r(?!\n)/g, "\n");
  const matter = frontMatterOf(source);
  if (matter === undefined) {
    const text = withoutComments(ownText(source));
    return { title: firstHeading(text), text };
  }
  const { fields, body } = matter;
  const below = withoutComments(ownText(body)).replace(/^(?:[ \t]*\r?\n)+/, "");
  const text = below.trim() === "" ? describedBy(fields) : below;
  const { title, date, metadata } = meaningOf(fields);
  return { title: title ?? firstHeading(text), text, date, metadata };
}

/** A page that is nothing but fields is what they say of it. */
function describedBy(fields: Readonly<Record<string, unknown>>): string {
  return ["title", "description", "summary", "abstract"]
    .map((name) => fields[name])
    .filter((value) => typeof value === "string")
    .join("\n\n");
}

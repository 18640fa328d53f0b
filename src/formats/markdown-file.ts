/** A Markdown file as a document: what stands above the text, and the title of the text. */

import { firstHeading } from "../text/markdown.ts";
import type { Converted } from "./convert.ts";
import { dateOfFields, frontMatterOf, metadataOfFields, titleOfFields } from "./front-matter.ts";

export function markdownDocument(source: string): Converted {
  const matter = frontMatterOf(source);
  if (matter === undefined) return { title: firstHeading(source), text: source };
  const { fields, body } = matter;
  const text = body.replace(/^(?:[ \t]*\r?\n)+/, "");
  return {
    title: titleOfFields(fields) ?? firstHeading(text),
    text,
    date: dateOfFields(fields),
    metadata: metadataOfFields(fields),
  };
}

/**
 * The terms by which a cold object is found, as one text of words with blanks between them, each as
 * often as it occurs: so the vendor's statistics are those of the hot shard (C5). Well-formed, as
 * everything that reaches the server.
 */

import { indexedText } from "../text/chunk-terms.ts";
import { queryTerms, terms } from "../text/lexical.ts";
import type { ColdObject } from "./port.ts";

export function objectTerms({
  info,
  heading,
  text,
}: Pick<ColdObject, "info" | "heading" | "text">): string {
  return terms(indexedText(info.title, { heading, text })).join(" ").toWellFormed();
}

/** Each once: a term that a question repeats does not count twice. Empty when it has none. */
export function questionTerms(question: string): string {
  return queryTerms(question).join(" ").toWellFormed();
}

/**
 * What a search brings back of an object, packed into one text that only we read: each property
 * that it returns costs Weaviate and its reader as much as a hundred characters of another one
 * (ops/decisions/0039-cold-at-weaviates-speed.md).
 *
 * A line of JSON, then the chunk's text as it is. The JSON escapes what is not well-formed, so it
 * comes back as it was.
 */

import { FreshetError } from "../contract/errors.ts";
import type { DocumentId, Version } from "../contract/ids.ts";
import type { DocumentInfo, TextRange } from "../contract/record.ts";
import { shownText } from "../text/chunk-terms.ts";
import { terms, termsVersion } from "../text/lexical.ts";
import type { ColdObject } from "./port.ts";
import { objectTerms } from "./terms.ts";

/**
 * Stored with every object: objects with another number are written anew by a scrub. The terms'
 * version and, in the last digit, that of this form.
 */
export const storedVersion = termsVersion * 10 + 2;

/** What an object shows of itself. */
export type Shown = Pick<
  ColdObject,
  "documentId" | "version" | "chunk" | "text" | "heading" | "range" | "info"
>;

/** Where the terms of an object's heading and text lie among its stored terms. */
export interface ShownTerms {
  /** Characters before them: the title's terms. */
  readonly from: number;
  /** How many they are. */
  readonly count: number;
}

export interface StoredRecord {
  readonly shown: Shown;
  /** Undefined when the stored terms do not tell how often heading and text hold one. */
  readonly shownTerms: ShownTerms | undefined;
}

/** As it is written, and the terms that are stored beside it. */
export function packObject(object: Shown): { readonly record: string; readonly terms: string } {
  const { documentId, version, chunk, text, heading, range, info } = object;
  const stored = objectTerms(object);
  const head = [
    storedVersion,
    shownTermsIn(stored, terms(shownText({ heading, text }))),
    ...[documentId, version, chunk, heading?.toWellFormed() ?? null, range ?? null, info],
  ];
  return {
    record: `${JSON.stringify(head)}\n${text.toWellFormed()}`,
    terms: stored,
  };
}

/** Null: of a chunk that has stop words alone, a title's words leave none. */
function shownTermsIn(stored: string, shown: readonly string[]): [number, number] | null {
  const list = shown.join(" ").toWellFormed();
  const from = stored.length - list.length;
  const isApart = from === 0 || list === "" || stored[from - 1] === " ";
  return stored.endsWith(list) && isApart ? [from, shown.length] : null;
}

type Head = readonly [
  storedVersion: number,
  shownTerms: readonly [from: number, count: number] | null,
  documentId: DocumentId,
  version: Version,
  chunk: number,
  heading: string | null,
  range: TextRange | null,
  info: DocumentInfo,
];

/** @throws FreshetError cold_unavailable when `packObject` did not write it */
export function unpackRecord(record: string): StoredRecord {
  const end = record.indexOf("\n");
  const [made, places, documentId, version, chunk, heading, range, info] = headIn(
    record.slice(0, Math.max(0, end)),
  );
  // Forms 1 and 2 differ in what is stored beside the record.
  const isCounted = Math.floor(made / 10) === termsVersion && places !== null;
  return {
    shownTerms: isCounted ? { from: places[0], count: places[1] } : undefined,
    shown: {
      ...{ documentId, version, chunk, text: record.slice(end + 1) },
      heading: heading === null || heading === "" ? undefined : heading,
      ...(range === null ? {} : { range }),
      info,
    },
  };
}

const headFields = 8;

function headIn(line: string): Head {
  let cause: unknown;
  try {
    const head: unknown = JSON.parse(line);
    if (Array.isArray(head) && head.length === headFields) return head as unknown as Head;
  } catch (thrown) {
    cause = thrown;
  }
  const message = "weaviate returned an object whose record cannot be read";
  throw new FreshetError("cold_unavailable", message, { cause });
}

/**
 * Documents in the form in which they are published: one in a file, a list of them, one a line.
 *
 *   IJ1  of the documents of a list that have one id the last that can be published counts, as it
 *        does in the log; the others are told, and not sent in vain by each run. Lines are a log of
 *        their own, read without looking ahead: all are sent, in order.
 */

import { checkOperation, documentFields } from "../../contract/document.ts";
import { repeatedKeyMessage, repeatedKeys } from "../../contract/json-keys.ts";
import { limits } from "../../contract/limits.ts";
import type { Part } from "./port.ts";

export function jsonParts(text: string): readonly Part[] {
  if (text.trim() === "") return [{ skipped: "empty" }];
  const value = parse(text);
  if (value === noJson) return [{ skipped: "format", detail: whyNoJson(text) }];
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (items.length === 0) return [{ skipped: "empty" }];
  const repeated = new Map(repeatedIn(text));
  return lastOfEach(items.map((item, index) => repeated.get(index) ?? documentPart(item)));
}

/** Where it ends to be JSON, or that it is lines of it under another name. */
function whyNoJson(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const isLines = lines.length > 1 && lines.slice(0, 10).every((line) => parse(line) !== noJson);
  if (isLines) return "it is one document a line: call it .ndjson";
  try {
    JSON.parse(text);
  } catch (error) {
    const [place] = /line \d+ column \d+/.exec((error as Error).message) ?? [];
    if (place !== undefined) return `it is no JSON from ${place} on`;
  }
  return "it is no JSON";
}

/** IJ1. */
function lastOfEach(parts: readonly Part[]): readonly Part[] {
  const counted = new Set<unknown>();
  const last = parts.toReversed().map((part): Part => {
    if (!("document" in part)) return part;
    const { document } = part;
    const { id } = document;
    if (counted.has(id))
      return {
        skipped: "repeated",
        detail: `the id ${JSON.stringify(id)} stands in this file again`,
      };
    // One that the engine refuses must not take the place of one that it takes.
    if (checkOperation(document, limits.documentTextBytesMax).ok) counted.add(id);
    return part;
  });
  return last.toReversed();
}

/** One line of NDJSON. */
export function lineDocument(line: string): Part {
  const value = parse(line);
  if (value === noJson) return { skipped: "format", detail: whyNoLine(line) };
  const [repeated] = repeatedIn(line);
  return repeated?.[1] ?? documentPart(value);
}

/** People call a list, or one document over many lines, by the name for lines, too. */
function whyNoLine(line: string): string {
  const trimmed = line.trim();
  const isPiece = /^[[{]$/.test(trimmed) || /[,[{]$/.test(trimmed) || trimmed.startsWith("[");
  if (!isPiece) return "it is no JSON";
  return "it is no JSON by itself: each line is a document; a list is called .json";
}

export function ndjsonParts(text: string): readonly Part[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.length === 0 ? [{ skipped: "empty" }] : lines.map(lineDocument);
}

const noJson = Symbol("no JSON");

function parse(text: string): unknown {
  try {
    // Files that were put together have such a mark in their middle.
    return JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    return noJson;
  }
}

/** Documents whose objects say something twice: which of the two was meant is not known. */
function* repeatedIn(text: string): Generator<readonly [item: number, Part]> {
  for (const { key, item } of repeatedKeys(text)) {
    yield [item, { skipped: "format", detail: repeatedKeyMessage(key, documentFields) }];
  }
}

/** Exports put their list into an object, beside what they say of it. */
function whyNoId(fields: Readonly<Record<string, unknown>>): string {
  const isList = (value: unknown) =>
    Array.isArray(value) && typeof value[0] === "object" && value[0] !== null;
  if (!Object.values(fields).some(isList)) return "it has no id";
  return "it has no id; if it is around a list of documents, leave only the list";
}

/** Corpora of the retrieval benchmarks call the id `_id`, and send an empty title. */
function documentPart(value: unknown): Part {
  if (value === noJson) return { skipped: "format", detail: "it is no JSON" };
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { skipped: "format", detail: "a document is an object" };
  }
  const { _id, ...rest } = value as Record<string, unknown>;
  const id = rest["id"] ?? _id;
  if (typeof id !== "string") {
    const detail = id === undefined ? whyNoId(rest) : "its id is no text";
    return { skipped: "format", detail };
  }
  if (_id !== undefined && rest["title"] === "") delete rest["title"];
  return { document: { ...rest, id } };
}

/** Documents in the form in which they are published: one in a file, a list of them, one a line. */

import type { Part } from "./port.ts";

export function jsonParts(text: string): readonly Part[] {
  const value = parse(text);
  if (Array.isArray(value)) return value.map(documentPart);
  return [documentPart(value)];
}

/** One line of NDJSON. */
export function lineDocument(line: string): Part {
  return documentPart(parse(line));
}

export function ndjsonParts(text: string): readonly Part[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map(lineDocument);
}

const noJson = Symbol("no JSON");

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return noJson;
  }
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
    const detail = id === undefined ? "it has no id" : "its id is no text";
    return { skipped: "format", detail };
  }
  if (_id !== undefined && rest["title"] === "") delete rest["title"];
  return { document: { ...rest, id } };
}

/** Cold objects to Weaviate properties and back. */

import type { Candidate } from "../contract/candidate.ts";
import { FreshetError } from "../contract/errors.ts";
import type { DocumentId, Version } from "../contract/ids.ts";
import type { DocumentInfo, TextRange } from "../contract/record.ts";
import { dotProduct } from "../contract/vector.ts";
import { lexicalMatch } from "../text/chunk-terms.ts";
import { termsVersion } from "../text/lexical.ts";
import type { ColdEntry, ColdObject } from "./port.ts";
import { objectTerms } from "./terms.ts";
import { facetsOf } from "./weaviate-filter.ts";

/**
 * As stored; optional ones are left out, never null. An alias: an interface would lack the index
 * signature.
 */
export type ChunkProperties = {
  documentId: string;
  version: number;
  chunk: number;
  chunkCount: number;
  text: string;
  heading?: string;
  title?: string;
  facets: string[];
  timestamp?: number;
  publishedAt?: number;
  expiresAt?: number;
  language?: string;
  acl?: string[];
  range?: number[];
  terms: string;
  termsVersion: number;
  info: string;
};

/** What a search has to bring back; title, times, labels and facets are all in `info`. */
export const candidateProperties = [
  "documentId",
  "version",
  "chunk",
  "text",
  "heading",
  "range",
  "info",
] as const;

/** The name that Weaviate gives to the only vector of an object. */
export const vectorName = "default";

interface StoredObject {
  readonly id: string;
  readonly properties: ChunkProperties;
  readonly vectors: number[];
}

/**
 * Every text but the id is repaired: what reaches the server is well-formed, also of records that
 * an earlier Freshet wrote. (JSON escapes what is not, so `info` comes back as it was.) An id
 * cannot be repaired, it is what names the document.
 */
export function storedObject(object: ColdObject): StoredObject {
  const { documentId, version, chunk, chunkCount, text, heading, range, info } = object;
  const { title, timestamp, publishedAtMs, expiresAtMs, language, acl } = info;
  return {
    id: object.id,
    properties: {
      documentId,
      version,
      chunk,
      chunkCount,
      text: text.toWellFormed(),
      ...(heading === undefined ? {} : { heading: heading.toWellFormed() }),
      ...(title === undefined ? {} : { title: title.toWellFormed() }),
      ...(timestamp === undefined ? {} : { timestamp }),
      ...(publishedAtMs === undefined ? {} : { publishedAt: publishedAtMs }),
      ...(expiresAtMs === undefined ? {} : { expiresAt: expiresAtMs }),
      ...(language === undefined ? {} : { language }),
      ...(acl === undefined ? {} : { acl: [...acl] }),
      ...(range === undefined ? {} : { range: [...range] }),
      terms: objectTerms(object),
      termsVersion,
      facets: [...facetsOf(info)],
      info: JSON.stringify(info),
    },
    vectors: Array.from(object.vector),
  };
}

/** One that `storedObject` did not make has no document and version 0: nothing that could count. */
export function entryOf(found: {
  readonly uuid: string;
  readonly properties: Readonly<Record<string, unknown>>;
}): ColdEntry {
  const { documentId, version, chunk, chunkCount, termsVersion: made } = found.properties;
  return {
    id: found.uuid,
    documentId: (typeof documentId === "string" ? documentId : "") as DocumentId,
    version: (typeof version === "number" ? version : 0) as Version,
    chunk: typeof chunk === "number" ? chunk : 0,
    // Written before the property existed: its document is taken for incomplete until it is written
    // anew.
    chunkCount: typeof chunkCount === "number" ? chunkCount : 0,
    ...(made === termsVersion ? {} : { hasOldTerms: true }),
  };
}

export interface FoundObject {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly vectors: Readonly<Record<string, unknown>>;
}

/** What a hit is measured against. */
export interface Asked {
  readonly vector: Float32Array;
  readonly queryTerms: readonly string[];
}

/** @throws FreshetError cold_unavailable when the object is not one that `storedObject` made */
export function candidateOf(found: FoundObject, { vector, queryTerms }: Asked): Candidate {
  const { documentId, version, chunk, text, heading, range, info } = found.properties;
  const own = found.vectors[vectorName];
  if (
    typeof documentId !== "string" ||
    typeof version !== "number" ||
    typeof chunk !== "number" ||
    typeof text !== "string" ||
    typeof info !== "string" ||
    !Array.isArray(own)
  ) {
    throw new FreshetError("cold_unavailable", "weaviate returned an object that is incomplete");
  }
  // Weaviate gives absent text as null or as an empty string, and an empty heading says nothing.
  const shown = {
    text,
    heading: typeof heading === "string" && heading !== "" ? heading : undefined,
  };
  return {
    shard: "cold",
    documentId: documentId as DocumentId,
    version: version as Version,
    chunk,
    ...shown,
    ...(isRange(range) ? { range } : {}),
    info: infoIn(info),
    // Computed here, from the stored vector: exact, and the same measure as in the hot shard.
    cosine: dotProduct(own as number[], vector),
    lexical: lexicalMatch(queryTerms, shown),
  };
}

/**
 * A stored object as it was written.
 * @throws FreshetError cold_unavailable
 */
export function objectOf(found: FoundObject & { readonly uuid: string }): ColdObject {
  const own = found.vectors[vectorName];
  const vector = Float32Array.from(Array.isArray(own) ? (own as number[]) : []);
  const { documentId, version, chunk, text, heading, range, info } = candidateOf(found, {
    vector,
    queryTerms: [],
  });
  const { id, chunkCount } = entryOf(found);
  return { id, documentId, version, chunk, chunkCount, text, heading, range, info, vector };
}

function isRange(range: unknown): range is TextRange {
  return Array.isArray(range) && range.length === 2;
}

/** @throws FreshetError cold_unavailable */
function infoIn(text: string): DocumentInfo {
  try {
    return JSON.parse(text) as DocumentInfo;
  } catch (cause) {
    const message = "weaviate returned an object whose info is not JSON";
    throw new FreshetError("cold_unavailable", message, { cause });
  }
}

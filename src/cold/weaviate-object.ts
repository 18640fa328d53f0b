/** Cold objects to Weaviate properties and back. */

import type { Candidate } from "../contract/candidate.ts";
import { FreshetError } from "../contract/errors.ts";
import type { DocumentId, Version } from "../contract/ids.ts";
import type { DocumentInfo, TextRange } from "../contract/record.ts";
import type { SparseVector } from "../contract/sparse.ts";
import { dotProduct } from "../contract/vector.ts";
import { lexicalMatch } from "../text/chunk-terms.ts";
import type { ColdEntry, ColdObject } from "./port.ts";
import { sparseIn, sparseScore, sparseText } from "./sparse.ts";
import { facetsOf } from "./weaviate-filter.ts";
import { packObject, type Shown, storedVersion, unpackRecord } from "./weaviate-record.ts";
import type { WireHit } from "./weaviate-wire.ts";

/**
 * As stored; optional ones are left out, never null. An alias: an interface would lack the index
 * signature.
 */
export type ChunkProperties = {
  documentId: string;
  version: number;
  chunk: number;
  chunkCount: number;
  facets: string[];
  timestamp?: number;
  publishedAt?: number;
  expiresAt?: number;
  language?: string;
  acl?: string[];
  terms: string;
  /** `storedVersion`. */
  termsVersion: number;
  record: string;
  /** Base64 (sparse.ts); absent where the chunk has none. */
  sparse?: string;
  /** Of objects that an earlier Freshet stored, in place of `record`. */
  info?: string;
  /** Of the marker alone (weaviate-marker.ts). */
  markedTo?: number;
};

/** What a search has to bring back: what is shown, and what it is found by. */
export const candidateProperties = ["record", "terms"] as const;

/** And where the question is asked with its sparse vector. */
export const sparseProperties = [...candidateProperties, "sparse"] as const;

/** What labels are read from: the property `acl` does not tell an empty list from none. */
export const labelProperties = ["record", "info"] as const;

/** The name that Weaviate gives to the only vector of an object. */
export const vectorName = "default";

interface StoredObject {
  readonly id: string;
  readonly properties: ChunkProperties;
  readonly vector: Float32Array;
}

/**
 * Every text but the id is repaired: what reaches the server is well-formed, also of records that
 * an earlier Freshet wrote. An id cannot be repaired, it is what names the document.
 */
export function wireObject(object: ColdObject): StoredObject {
  const { documentId, version, chunk, chunkCount, info } = object;
  const { timestamp, publishedAtMs, expiresAtMs, language, acl } = info;
  return {
    id: object.id,
    properties: {
      ...{ documentId, version, chunk, chunkCount },
      ...(timestamp === undefined ? {} : { timestamp }),
      ...(publishedAtMs === undefined ? {} : { publishedAt: publishedAtMs }),
      ...(expiresAtMs === undefined ? {} : { expiresAt: expiresAtMs }),
      ...(language === undefined ? {} : { language }),
      ...(acl === undefined ? {} : { acl: [...acl] }),
      ...packObject(object),
      ...(object.sparse === undefined ? {} : { sparse: sparseText(object.sparse) }),
      termsVersion: storedVersion,
      facets: [...facetsOf(info)],
    },
    vector: object.vector,
  };
}

/** What `entryOf` reads. */
export const entryProperties = [
  ...(["documentId", "version", "chunk", "chunkCount", "expiresAt", "termsVersion"] as const),
] as const;

/** One that `wireObject` did not make has no document and version 0: nothing that could count. */
export function entryOf(found: {
  readonly uuid: string;
  readonly properties: Readonly<Record<string, unknown>>;
}): ColdEntry {
  const { documentId, version, chunk, chunkCount, expiresAt } = found.properties;
  const { termsVersion: made } = found.properties;
  return {
    id: found.uuid,
    documentId: (typeof documentId === "string" ? documentId : "") as DocumentId,
    version: (typeof version === "number" ? version : 0) as Version,
    chunk: typeof chunk === "number" ? chunk : 0,
    // Written before the property existed: its document is taken for incomplete until it is written
    // anew.
    chunkCount: typeof chunkCount === "number" ? chunkCount : 0,
    info: { expiresAtMs: typeof expiresAt === "number" ? expiresAt : undefined },
    ...(made === storedVersion ? {} : { hasOldTerms: true }),
  };
}

/** As the vendor's client returns it. */
export interface FoundObject {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly vectors: Readonly<Record<string, unknown>>;
}

/** What a hit is measured against. */
export interface Asked {
  readonly vector: Float32Array;
  readonly queryTerms: readonly string[];
  readonly withVectors?: boolean | undefined;
  readonly sparse?: SparseVector | undefined;
}

/** Undefined of what an earlier Freshet stored: then `candidateOfObject` makes it of all of it. */
export function candidateOf(hit: WireHit, asked: Asked): Candidate | undefined {
  const { record, terms } = hit.properties;
  if (typeof record !== "string") return undefined;
  const { shown, shownTerms } = unpackRecord(record);
  if (hit.vector.length === 0 || typeof terms !== "string") throw incomplete();
  const lexical =
    shownTerms === undefined
      ? lexicalMatch(asked.queryTerms, shown)
      : {
          frequencies: asked.queryTerms.map((term) => occurrences(term, terms, shownTerms.from)),
          length: shownTerms.count,
        };
  // Computed here, from the stored vector: exact, and the same measure as in the hot shard.
  const cosine = dotProduct(hit.vector, asked.vector);
  const shared = asked.sparse && sparseScore(sparseIn(hit.properties["sparse"]), asked.sparse);
  // One literal: a question makes a hundred, and all of one layout are read fastest.
  return {
    shard: "cold",
    documentId: shown.documentId,
    version: shown.version,
    chunk: shown.chunk,
    text: shown.text,
    heading: shown.heading,
    range: shown.range,
    info: shown.info,
    cosine,
    lexical,
    sparse: shared?.sparse,
    vector: asked.withVectors === true ? hit.vector : undefined,
  };
}

const blank = 32;

/** How often a word stands between blanks in a text of words, from there on. */
function occurrences(word: string, words: string, from: number): number {
  let count = 0;
  for (let at = words.indexOf(word, from); at >= 0; at = words.indexOf(word, at + word.length)) {
    const end = at + word.length;
    const begins = at === from || words.charCodeAt(at - 1) === blank;
    if (begins && (end === words.length || words.charCodeAt(end) === blank)) count += 1;
  }
  return count;
}

export function candidateOfObject(object: ColdObject, asked: Asked): Candidate {
  const { documentId, version, chunk, text, heading, range, info, vector } = object;
  const shown: Shown = { documentId, version, chunk, text, heading, range, info };
  const lexical = lexicalMatch(asked.queryTerms, shown);
  const cosine = dotProduct(vector, asked.vector);
  const own = asked.withVectors === true ? { vector } : {};
  const shared = sparseScore(object.sparse, asked.sparse);
  return { shard: "cold", ...shown, cosine, lexical, ...own, ...shared };
}

/**
 * A stored object as it was written, by this Freshet or an earlier one.
 * @throws FreshetError cold_unavailable when no Freshet wrote it
 */
export function objectOf(found: FoundObject & { readonly uuid: string }): ColdObject {
  const own = found.vectors[vectorName];
  if (!Array.isArray(own)) throw incomplete();
  const { record } = found.properties;
  const isPacked = typeof record === "string" && record !== "";
  const shown = isPacked ? unpackRecord(record).shown : shownApart(found.properties);
  const { id, chunkCount } = entryOf(found);
  const sparse = sparseIn(found.properties["sparse"]);
  const vector = Float32Array.from(own as number[]);
  return { id, chunkCount, ...shown, vector, ...(sparse && { sparse }) };
}

/** Labels as they were written, of an object that came with `labelProperties`. */
export function labelsOf(properties: FoundObject["properties"]): readonly string[] | undefined {
  const { record, info } = properties;
  if (typeof record === "string" && record !== "") return unpackRecord(record).shown.info.acl;
  return typeof info === "string" ? infoIn(info).acl : undefined;
}

/** As objects were stored before they were packed: each part in a property of its own. */
function shownApart(properties: FoundObject["properties"]): Shown {
  const { documentId, version, chunk, text, heading, range, info } = properties;
  if (
    typeof documentId !== "string" ||
    typeof version !== "number" ||
    typeof chunk !== "number" ||
    typeof text !== "string" ||
    typeof info !== "string"
  ) {
    throw incomplete();
  }
  return {
    documentId: documentId as DocumentId,
    version: version as Version,
    ...{ chunk, text },
    // Weaviate gives absent text as null or as an empty string, and an empty heading says nothing.
    heading: typeof heading === "string" && heading !== "" ? heading : undefined,
    ...(isRange(range) ? { range } : {}),
    info: infoIn(info),
  };
}

function incomplete(): FreshetError {
  return new FreshetError("cold_unavailable", "weaviate returned an object that is incomplete");
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

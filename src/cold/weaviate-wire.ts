/**
 * The part of Weaviate's gRPC messages that a search needs (its `v1/search_get.proto`), written and
 * read by hand: the vendor's client takes ten times as long for the same (ops/decisions/0039).
 */

import { Reader, Writer } from "protobufjs/minimal.js";

/** A leaf or a tree of what objects must pass. */
export type WireFilter =
  | {
      readonly operator: "and" | "or" | "not";
      readonly filters: readonly WireFilter[];
    }
  | {
      readonly operator: "gt" | "gte" | "lt" | "lte" | "like" | "containsAny";
      readonly property: string;
      readonly value: string | number | readonly string[] | readonly number[];
    };

export interface WireSearch {
  readonly collection: string;
  readonly tenant: string;
  /** What is searched for: by a vector, or by words in a property. */
  readonly by:
    | { readonly vector: Float32Array; readonly target: string }
    | { readonly words: string; readonly property: string };
  readonly limit: number;
  readonly properties: readonly string[];
  /** Names of vectors to bring back. */
  readonly vectors: readonly string[];
  readonly filter?: WireFilter | undefined;
}

export interface WireHit {
  readonly id: string;
  /** Those that are texts: nothing else is asked for. */
  readonly properties: Readonly<Record<string, string>>;
  /** The vector that came; empty when none did. */
  readonly vector: Float32Array;
}

/** A hit whose vector is still a part of the reply: float32, least byte first. */
interface ReadHit extends Pick<WireHit, "id"> {
  readonly properties: Record<string, string>;
  readonly vectorBytes: Uint8Array;
}

const operators = {
  ...{ gt: 3, gte: 4, lt: 5, lte: 6, and: 7, or: 8 },
  ...{ like: 10, containsAny: 12, not: 15 },
} as const;

/** A field's number and how it is written, as protobuf puts them into one. */
export const tag = (field: number, kind: 0 | 1 | 2): number => field * 8 + kind;

export function encodeSearch(search: WireSearch): Uint8Array {
  const { by, limit, properties, vectors, filter } = search;
  const out = Writer.create();
  out.uint32(tag(1, 2)).string(search.collection);
  out.uint32(tag(10, 2)).string(search.tenant);
  out.uint32(tag(20, 2)).fork();
  for (const property of properties) out.uint32(tag(1, 2)).string(property);
  out.ldelim();
  out.uint32(tag(21, 2)).fork().uint32(tag(1, 0)).bool(true);
  for (const vector of vectors) out.uint32(tag(10, 2)).string(vector);
  out.ldelim();
  out.uint32(tag(30, 0)).uint32(limit);
  if (filter !== undefined) writeFilter(filter, out.uint32(tag(40, 2)).fork()).ldelim();
  if ("words" in by) {
    out.uint32(tag(42, 2)).fork();
    out.uint32(tag(1, 2)).string(by.words).uint32(tag(2, 2)).string(by.property).ldelim();
  } else {
    const { vector, target } = by;
    const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
    out.uint32(tag(43, 2)).fork().uint32(tag(6, 2)).fork();
    out.uint32(tag(1, 2)).string(target).ldelim();
    out.uint32(tag(9, 2)).fork();
    out.uint32(tag(3, 2)).bytes(bytes).uint32(tag(4, 0)).int32(1).ldelim();
    out.ldelim();
  }
  // Says that the reply may have today's form.
  for (const field of [100, 101, 102]) out.uint32(tag(field, 0)).bool(true);
  return out.finish();
}

function writeFilter(filter: WireFilter, out: Writer): Writer {
  out.uint32(tag(1, 0)).int32(operators[filter.operator]);
  if ("filters" in filter) {
    for (const part of filter.filters) writeFilter(part, out.uint32(tag(3, 2)).fork()).ldelim();
    return out;
  }
  writeOperand(filter.value, out);
  return out.uint32(tag(20, 2)).fork().uint32(tag(1, 2)).string(filter.property).ldelim();
}

function writeOperand(value: string | number | readonly (string | number)[], out: Writer): void {
  if (typeof value === "string") out.uint32(tag(4, 2)).string(value);
  else if (typeof value === "number") out.uint32(tag(7, 1)).double(value);
  else if (typeof value[0] === "string") {
    out.uint32(tag(9, 2)).fork();
    for (const each of value) out.uint32(tag(1, 2)).string(String(each));
    out.ldelim();
  } else {
    out.uint32(tag(12, 2)).fork().uint32(tag(1, 2)).fork();
    for (const each of value) out.double(Number(each));
    out.ldelim().ldelim();
  }
}

/**
 * Nothing of it is a part of the bytes: they may be written over.
 * @throws RangeError or Error when the bytes are no reply
 */
export function decodeHits(bytes: Uint8Array): WireHit[] {
  const reader = Reader.create(bytes);
  const hits: ReadHit[] = [];
  fieldsOf(reader, reader.len, (field) => {
    if (field !== 2) return false;
    hits.push(readHit(reader));
    return true;
  });
  return withVectors(hits);
}

/** In one array: a hundred of their own cost more than all else that is done with them. */
function withVectors(hits: readonly ReadHit[]): WireHit[] {
  const all = new Float32Array(hits.reduce((sum, hit) => sum + widthOf(hit), 0));
  const bytes = new Uint8Array(all.buffer);
  let end = 0;
  return hits.map((hit) => {
    const from = end;
    end += widthOf(hit);
    if (end > from) bytes.set(hit.vectorBytes, from * Float32Array.BYTES_PER_ELEMENT);
    return { id: hit.id, properties: hit.properties, vector: all.subarray(from, end) };
  });
}

/** Half a number makes it none. */
function widthOf({ vectorBytes: { length } }: ReadHit): number {
  return length % Float32Array.BYTES_PER_ELEMENT === 0
    ? length / Float32Array.BYTES_PER_ELEMENT
    : 0;
}

/** Calls `read` with each field's number; what it does not read is passed over. */
export function fieldsOf(reader: Reader, end: number, read: (field: number) => boolean): void {
  while (reader.pos < end) {
    const found = reader.uint32();
    if (!read(found >>> 3)) reader.skipType(found & 7);
  }
}

/** A message inside another one. */
export function inside(reader: Reader, read: (field: number) => boolean): true {
  fieldsOf(reader, reader.uint32() + reader.pos, read);
  return true;
}

const noVector = new Uint8Array(0);

function readHit(reader: Reader): ReadHit {
  const hit = { id: "", properties: {} as Record<string, string>, vectorBytes: noVector };
  inside(reader, (part) => {
    if (part === 1) return inside(reader, (of) => of === 11 && readProperties(reader, hit));
    return part === 2 && inside(reader, (field) => readMetadata(reader, field, hit));
  });
  return hit;
}

function readMetadata(
  reader: Reader,
  field: number,
  hit: { id: string; vectorBytes: Uint8Array },
): boolean {
  if (field === 1) hit.id = reader.string();
  else if (field === 19) hit.vectorBytes = reader.bytes();
  else if (field === 23) {
    inside(reader, (part) => {
      if (part !== 3) return false;
      hit.vectorBytes = reader.bytes();
      return true;
    });
  } else return false;
  return true;
}

function readProperties(reader: Reader, hit: { properties: Record<string, string> }): true {
  return inside(reader, (field) => field === 1 && readProperty(reader, hit.properties));
}

function readProperty(reader: Reader, into: Record<string, string>): true {
  let name = "";
  let value: string | undefined;
  inside(reader, (field) => {
    if (field === 1) name = reader.string();
    else if (field === 2) value = readValue(reader);
    else return false;
    return true;
  });
  if (value !== undefined) into[name] = value;
  return true;
}

function readValue(reader: Reader): string | undefined {
  let value: string | undefined;
  inside(reader, (field) => {
    if (field !== 13) return false;
    value = reader.string();
    return true;
  });
  return value;
}

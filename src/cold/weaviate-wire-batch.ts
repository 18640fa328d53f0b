/**
 * The part of Weaviate's gRPC messages that a write needs (its `v1/batch.proto`), written and read
 * by hand: the vendor's `insertMany` looks every half a second whether it has written a request of
 * two objects or more.
 */

import { Reader, Writer } from "protobufjs/minimal.js";
import { fieldsOf, inside, tag } from "./weaviate-wire.ts";

export interface WireObject {
  readonly id: string;
  /** What is undefined is left out. */
  readonly properties: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  /** Absent where the object has none. */
  readonly vector?: Float32Array | undefined;
}

/** Objects that replace those of the same ids. */
export interface WireBatch {
  readonly collection: string;
  readonly tenant: string;
  /** The name of the objects' vectors. */
  readonly target: string;
  readonly objects: readonly WireObject[];
}

/** Why an object was not written, by its place in the batch. */
export interface WireFailure {
  readonly index: number;
  readonly message: string;
}

export function encodeBatch({ collection, tenant, target, objects }: WireBatch): Uint8Array {
  const out = Writer.create();
  for (const { id, properties, vector } of objects) {
    out.uint32(tag(1, 2)).fork();
    out.uint32(tag(1, 2)).string(id);
    writeProperties(properties, out.uint32(tag(3, 2)).fork()).ldelim();
    out.uint32(tag(4, 2)).string(collection).uint32(tag(5, 2)).string(tenant);
    if (vector !== undefined) {
      const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
      out.uint32(tag(23, 2)).fork().uint32(tag(1, 2)).string(target);
      out.uint32(tag(3, 2)).bytes(bytes).ldelim();
    }
    out.ldelim();
  }
  return out.finish();
}

/** Texts and numbers in a struct, each list of texts by itself, of empty ones the names. */
function writeProperties(properties: WireObject["properties"], out: Writer): Writer {
  out.uint32(tag(1, 2)).fork();
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value !== "string" && typeof value !== "number") continue;
    out.uint32(tag(1, 2)).fork().uint32(tag(1, 2)).string(name).uint32(tag(2, 2)).fork();
    if (typeof value === "string") out.uint32(tag(3, 2)).string(value);
    else out.uint32(tag(2, 1)).double(value);
    out.ldelim().ldelim();
  }
  out.ldelim();
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value !== "object") continue;
    if (value.length === 0) {
      out.uint32(tag(10, 2)).string(name);
      continue;
    }
    out.uint32(tag(6, 2)).fork();
    for (const each of value) out.uint32(tag(1, 2)).string(each);
    out.uint32(tag(2, 2)).string(name).ldelim();
  }
  return out;
}

/** @throws RangeError or Error when the bytes are no reply */
export function decodeFailures(bytes: Uint8Array): readonly WireFailure[] {
  const reader = Reader.create(bytes);
  const failures: WireFailure[] = [];
  fieldsOf(reader, reader.len, (field) => {
    if (field !== 2) return false;
    let [index, message] = [0, ""];
    inside(reader, (part) => {
      if (part === 1) index = reader.int32();
      else if (part === 2) message = reader.string();
      else return false;
      return true;
    });
    failures.push({ index, message });
    return true;
  });
  return failures;
}

/**
 * A page of stored objects as bytes, for a backup, and back. Layout, little-endian: u32 length of
 * the JSON, the JSON, padding to a multiple of 4, then the vectors of all objects as float32.
 */

import { FreshetError } from "../contract/errors.ts";
import type { ColdObject } from "./port.ts";
import { sparseIn, sparseText } from "./sparse.ts";

const pageFormat = 1;

type ObjectJson = Omit<ColdObject, "vector" | "sparse"> & { readonly sparse?: string };

interface PageJson {
  readonly format: number;
  readonly dimensions: number;
  readonly objects: readonly ObjectJson[];
}

const floatBytes = 4;
const padded = (bytes: number): number => Math.ceil(bytes / floatBytes) * floatBytes;

/** All vectors have as many dimensions as the first. */
export function encodePage(objects: readonly ColdObject[]): Uint8Array {
  const dimensions = objects[0]?.vector.length ?? 0;
  const page: PageJson = {
    ...{ format: pageFormat, dimensions },
    objects: objects.map(({ vector: _, sparse, ...object }) => ({
      ...object,
      ...(sparse === undefined ? {} : { sparse: sparseText(sparse) }),
    })),
  };
  const json = new TextEncoder().encode(JSON.stringify(page));
  const vectorsAt = padded(floatBytes + json.length);
  const bytes = new Uint8Array(vectorsAt + objects.length * dimensions * floatBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, json.length, true);
  bytes.set(json, floatBytes);
  let at = vectorsAt;
  for (const { vector } of objects) {
    for (const value of vector) {
      view.setFloat32(at, value, true);
      at += floatBytes;
    }
  }
  return bytes;
}

/** @throws FreshetError internal (of a later Freshet, or damaged) */
export function decodePage(bytes: Uint8Array): readonly ColdObject[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < floatBytes ? 0 : view.getUint32(0, true);
  const page = pageIn(bytes.subarray(floatBytes, floatBytes + length));
  const { dimensions, objects } = page;
  const vectorsAt = padded(floatBytes + length);
  if (bytes.length !== vectorsAt + objects.length * dimensions * floatBytes) throw unreadable();
  return objects.map(({ sparse, ...object }, index) => {
    const vector = new Float32Array(dimensions);
    const at = vectorsAt + index * dimensions * floatBytes;
    for (let d = 0; d < dimensions; d += 1) vector[d] = view.getFloat32(at + d * floatBytes, true);
    const weighed = sparse === undefined ? undefined : sparseIn(sparse);
    return { ...object, vector, ...(weighed === undefined ? {} : { sparse: weighed }) };
  });
}

function pageIn(json: Uint8Array): PageJson {
  let page: Partial<PageJson>;
  try {
    page = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json)) as PageJson;
  } catch (cause) {
    throw unreadable(cause);
  }
  const { format, dimensions, objects } = page;
  if (format !== pageFormat || dimensions === undefined || objects === undefined) {
    throw unreadable();
  }
  return { format, dimensions, objects };
}

function unreadable(cause?: unknown): FreshetError {
  const message = "a page of objects cannot be read: it is damaged, or of a later Freshet";
  return new FreshetError("internal", message, { cause });
}

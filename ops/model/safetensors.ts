/**
 * Reads the safetensors format: 8 bytes of header length (little-endian), a JSON header of names, types,
 * shapes and byte ranges, then the tensors' bytes. Everything is checked before it is used, because the
 * file comes from a download.
 */

import { readFile } from "node:fs/promises";

export interface Matrix {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Float32Array;
}

export interface Safetensors {
  has(name: string): boolean;
  /** Throws when the tensor is missing, has another shape, or is not stored as F32. */
  read(name: string, shape: readonly number[]): Matrix;
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

const lengthBytes = 8;
const headerBytesMax = 64 * 1024 * 1024;

export async function readSafetensors(path: string): Promise<Safetensors> {
  const file = await readFile(path);
  if (file.byteLength < lengthBytes)
    throw new Error(`${path} is not a safetensors file: too short`);
  const headerBytes = Number(file.readBigUInt64LE(0));
  if (headerBytes > headerBytesMax || lengthBytes + headerBytes > file.byteLength) {
    throw new Error(`${path} is not a safetensors file, or it was cut off: bad header length`);
  }
  const dataStart = lengthBytes + headerBytes;
  const header = parseHeader(file.subarray(lengthBytes, dataStart), path);
  const data = file.subarray(dataStart);
  return {
    has: (name) => header.has(name),
    read: (name, shape) => {
      const entry = header.get(name);
      if (entry === undefined) throw new Error(`${path} holds no tensor ${name}`);
      return { shape, values: readValues({ name, entry, shape, data }) };
    },
  };
}

function parseHeader(bytes: Buffer, path: string): Map<string, Entry> {
  const parsed: unknown = JSON.parse(bytes.toString("utf8"));
  if (typeof parsed !== "object" || parsed === null) throw new Error(`${path} has a bad header`);
  const entries = Object.entries(parsed).filter(([name]) => name !== "__metadata__");
  for (const [name, entry] of entries) {
    if (!isEntry(entry)) throw new Error(`${path} describes tensor ${name} wrongly`);
  }
  return new Map(entries as [string, Entry][]);
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== "object" || value === null) return false;
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  return (
    typeof dtype === "string" &&
    Array.isArray(shape) &&
    shape.every(Number.isSafeInteger) &&
    Array.isArray(offsets) &&
    offsets.length === 2 &&
    offsets.every(Number.isSafeInteger)
  );
}

interface ReadRequest {
  readonly name: string;
  readonly entry: Entry;
  readonly shape: readonly number[];
  readonly data: Buffer;
}

function readValues({ name, entry, shape, data }: ReadRequest): Float32Array {
  if (entry.dtype !== "F32") throw new Error(`tensor ${name} is ${entry.dtype}; only F32 is read`);
  if (entry.shape.join("x") !== shape.join("x")) {
    throw new Error(`tensor ${name} is ${entry.shape.join("x")}, expected ${shape.join("x")}`);
  }
  const [start, end] = entry.data_offsets;
  const count = shape.reduce((product, size) => product * size, 1);
  if (end - start !== count * Float32Array.BYTES_PER_ELEMENT || end > data.byteLength) {
    throw new Error(`tensor ${name} lies outside the file: the download is broken`);
  }
  // Copied, because the file gives no guarantee that a tensor starts at a multiple of four bytes.
  const bytes = new Uint8Array(end - start);
  bytes.set(data.subarray(start, end));
  return new Float32Array(bytes.buffer);
}

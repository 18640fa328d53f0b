/**
 * Reads the safetensors format: 8 bytes of header length (little-endian), a JSON header of names,
 * types, shapes and byte ranges, then the tensors' bytes. Everything is checked before it is used,
 * because the file comes from a download.
 */

import { CompileError } from "./compile-error.ts";
import { parseJsonObject, readModelFile } from "./model-files.ts";

export interface Matrix {
  readonly shape: readonly number[];
  /** Row-major; float16 and bfloat16 widened, which is exact. */
  readonly values: Float32Array;
}

/** The weights of a model, whatever format they are kept in. */
export interface WeightFile {
  has(name: string): boolean;
  /**
   * @throws CompileError when the tensor is missing, has another shape, or is of no floating-point
   * type.
   */
  read(name: string, shape: readonly number[]): Matrix;
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

interface StoredType {
  readonly bytesPerValue: number;
  /** `bytes` begins at a multiple of eight and holds whole values. */
  widen(bytes: ArrayBuffer): Float32Array;
}

const storedTypes: ReadonlyMap<string, StoredType> = new Map([
  ["F32", { bytesPerValue: 4, widen: (bytes) => new Float32Array(bytes) }],
  ["F16", { bytesPerValue: 2, widen: (bytes) => new Float32Array(new Float16Array(bytes)) }],
  ["BF16", { bytesPerValue: 2, widen: widenBfloat16 }],
]);

/** A bfloat16 is the upper half of a float32. */
function widenBfloat16(bytes: ArrayBuffer): Float32Array {
  const bits = Uint32Array.from(new Uint16Array(bytes), (half) => half << 16);
  return new Float32Array(bits.buffer);
}

const lengthBytes = 8;
const headerBytesMax = 64 * 1024 * 1024;

export async function readSafetensors(path: string): Promise<WeightFile> {
  const file = await readModelFile(path);
  if (file.byteLength < lengthBytes) {
    throw new CompileError(`${path} is not a safetensors file: too short`);
  }
  const headerBytes = Number(file.readBigUInt64LE(0));
  if (headerBytes > headerBytesMax || lengthBytes + headerBytes > file.byteLength) {
    throw new CompileError(
      `${path} is not a safetensors file, or it was cut off: bad header length`,
    );
  }
  const dataStart = lengthBytes + headerBytes;
  const header = parseHeader(file.subarray(lengthBytes, dataStart), path);
  const data = file.subarray(dataStart);
  return {
    has: (name) => header.has(name),
    read: (name, shape) => {
      const entry = header.get(name);
      if (entry === undefined) throw new CompileError(`${path} holds no tensor ${name}`);
      return { shape, values: readValues({ name, entry, shape, data }) };
    },
  };
}

function parseHeader(bytes: Buffer, path: string): Map<string, Entry> {
  const parsed = parseJsonObject(bytes, `the header of ${path}`);
  const entries = Object.entries(parsed).filter(([name]) => name !== "__metadata__");
  for (const [name, entry] of entries) {
    if (!isEntry(entry)) throw new CompileError(`${path} describes tensor ${name} wrongly`);
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
  const stored = storedTypes.get(entry.dtype);
  if (stored === undefined) {
    const readable = [...storedTypes.keys()].join(", ");
    throw new CompileError(`tensor ${name} is ${entry.dtype}; read are ${readable}`);
  }
  if (entry.shape.join("x") !== shape.join("x")) {
    throw new CompileError(
      `tensor ${name} is ${entry.shape.join("x")}, expected ${shape.join("x")}`,
    );
  }
  const [start, end] = entry.data_offsets;
  const count = shape.reduce((product, size) => product * size, 1);
  if (start < 0 || end - start !== count * stored.bytesPerValue || end > data.byteLength) {
    throw new CompileError(`tensor ${name} lies outside the file: the download is broken`);
  }
  // Copied, because the file gives no guarantee that a tensor starts at a multiple of four bytes.
  const bytes = new Uint8Array(end - start);
  bytes.set(data.subarray(start, end));
  return stored.widen(bytes.buffer);
}

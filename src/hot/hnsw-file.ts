/**
 * Reads the neighbours out of an index file of hnswlib: its addon tells them no other way, and
 * searching with the addon itself would need every vector a second time. Everything is checked,
 * since a full disk cuts a file short in silence and a wrong number would send a walk astray.
 *
 * The layout (hnswlib 0.8, `HierarchicalNSW::saveIndex`), little-endian, sizes as u64: offset of
 * the base layer, capacity, count, bytes of a row, offset of its label, offset of its vector,
 * highest level (i32), entry row (u32), links per row above the base layer, on it, and M, 1/ln M
 * (f64), efConstruction; then the rows (count and ids of the base links as u32, vector, label u64);
 * then for each row the bytes of its upper links (u32) and these (per level: count and ids). A
 * count is 16 bits.
 */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { GraphLinks } from "./graph.ts";

export interface IndexFile {
  readonly file: string;
  /** Rows, whose labels are 0 … size-1 in the order that they were added. */
  readonly size: number;
  readonly dimensions: number;
}

const headBytes = 96;
/** Rows read at once: a file may be larger than what should be held. */
const rowsAtOnce = 1_024;
const countMask = 0xffff;

/** @throws Error when the file is not the index that was written, whole */
export function readLinks({ file, size, dimensions }: IndexFile): GraphLinks {
  const reader = openReader(file);
  try {
    const { rowBytes, baseLinks, upperLinks, level, entry } = readHead(reader, size, dimensions);
    const baseWords = baseLinks + 1;
    const base = readBase(reader, { size, rowBytes, baseWords });
    const upperWords = upperLinks + 1;
    const { offsets, upper } = readUpper(reader, { size, upperWords });
    if (!reader.isAtEnd()) throw new Error("the index file is longer than its index");
    const links = { size, base, baseWords, offsets, upper, upperWords, entry, level };
    checkNeighbours(links);
    return links;
  } finally {
    reader.close();
  }
}

function readHead(reader: Reader, size: number, dimensions: number) {
  const view = reader.take(headBytes);
  const u64 = (at: number): number => Number(view.getBigUint64(at, true));
  const rowBytes = u64(24);
  const vectorAt = u64(40);
  const level = view.getInt32(48, true);
  const entry = view.getUint32(52, true);
  const upperLinks = u64(56);
  const baseLinks = u64(64);
  const isOurs =
    u64(0) === 0 &&
    u64(16) === size &&
    vectorAt === (baseLinks + 1) * 4 &&
    rowBytes === vectorAt + dimensions * 4 + 8 &&
    level >= 0 &&
    entry < size;
  if (!isOurs) throw new Error("the index file is not the index that was written");
  return { rowBytes, baseLinks, upperLinks, level, entry };
}

function readBase(
  reader: Reader,
  shape: { readonly size: number; readonly rowBytes: number; readonly baseWords: number },
): Uint32Array<ArrayBuffer> {
  const { size, rowBytes, baseWords } = shape;
  const base = new Uint32Array(size * baseWords);
  for (let row = 0; row < size; row += rowsAtOnce) {
    const rows = Math.min(rowsAtOnce, size - row);
    const view = reader.take(rows * rowBytes);
    for (let index = 0; index < rows; index += 1) {
      const at = index * rowBytes;
      if (view.getBigUint64(at + rowBytes - 8, true) !== BigInt(row + index)) {
        throw new Error("the index file holds its rows in another order");
      }
      copyList(view, at, base.subarray((row + index) * baseWords, (row + index + 1) * baseWords));
    }
  }
  return base;
}

function readUpper(
  reader: Reader,
  { size, upperWords }: { readonly size: number; readonly upperWords: number },
): Pick<GraphLinks, "offsets" | "upper"> {
  const offsets = new Uint32Array(size);
  const lists: Uint32Array[] = [];
  let bytes = 0;
  for (let row = 0; row < size; row += 1) {
    const length = reader.take(4).getUint32(0, true);
    if (length === 0) continue;
    offsets[row] = bytes;
    const view = reader.take(length);
    for (let at = 0; at < length; at += upperWords * 4) {
      const list = new Uint32Array(upperWords);
      copyList(view, at, list);
      lists.push(list);
    }
    bytes += length;
  }
  const upper = new Uint32Array(lists.length * upperWords);
  for (const [index, list] of lists.entries()) upper.set(list, index * upperWords);
  return { offsets, upper };
}

function copyList(view: DataView, at: number, list: Uint32Array): void {
  const count = view.getUint32(at, true) & countMask;
  if (count >= list.length) throw new Error("the index file holds a list that is too long");
  list[0] = count;
  for (let index = 1; index <= count; index += 1)
    list[index] = view.getUint32(at + 4 * index, true);
}

function checkNeighbours({ size, base, baseWords, upper, upperWords }: GraphLinks): void {
  for (const [links, words] of [[base, baseWords] as const, [upper, upperWords] as const]) {
    for (let at = 0; at < links.length; at += words) {
      for (let index = 1; index <= (links[at] as number); index += 1) {
        if ((links[at + index] as number) >= size) throw new Error("the index file names no row");
      }
    }
  }
}

interface Reader {
  /** The next bytes. @throws Error at the end of the file */
  take(bytes: number): DataView;
  isAtEnd(): boolean;
  close(): void;
}

const bufferBytes = 1 << 20;

function openReader(file: string): Reader {
  const descriptor = openSync(file, "r");
  const { size } = fstatSync(descriptor);
  let buffer = new Uint8Array(0);
  let at = 0;
  let position = 0;
  const refill = (bytes: number): void => {
    const rest = buffer.subarray(at);
    const next = new Uint8Array(
      Math.max(bytes, Math.min(bufferBytes, rest.length + size - position)),
    );
    next.set(rest);
    position += readSync(descriptor, next, rest.length, next.length - rest.length, position);
    buffer = next;
    at = 0;
  };
  return {
    take(bytes) {
      if (bytes > size - position + buffer.length - at) throw new Error("the index file is short");
      if (bytes > buffer.length - at) refill(bytes);
      at += bytes;
      return new DataView(buffer.buffer, at - bytes, bytes);
    },
    isAtEnd: () => position === size && at === buffer.length,
    close: () => closeSync(descriptor),
  };
}

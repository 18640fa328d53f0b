/**
 * The sparse vectors of a document's chunks in one piece of memory: an object for each would weigh
 * as much as the vector in it, and a part of the record's bytes would keep the record.
 */

import { isSparse, type SparseVector } from "../contract/sparse.ts";

export interface SparseBlock {
  /** Where each chunk's begins, and at the end where the last one ends. */
  readonly starts: Uint32Array;
  readonly bytes: Uint8Array;
}

/** Two typed arrays with their buffers as V8 lays them out, and the object; measured. */
const blockBytes = 400;

/** Undefined where no chunk has one. What is none is left out: the rest of its chunk is sound. */
export function sparseBlockOf(
  chunks: readonly { readonly sparse?: SparseVector | undefined }[],
): SparseBlock | undefined {
  const vectors = chunks.map(({ sparse }) => (sparse && isSparse(sparse) ? sparse : undefined));
  const total = vectors.reduce((sum, vector) => sum + (vector?.length ?? 0), 0);
  if (total === 0) return undefined;
  const starts = new Uint32Array(chunks.length + 1);
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const [chunk, vector] of vectors.entries()) {
    if (vector !== undefined) bytes.set(vector, at);
    at += vector?.length ?? 0;
    starts[chunk + 1] = at;
  }
  return { starts, bytes };
}

/** Undefined where the chunk has none. */
export function sparseAt(block: SparseBlock | undefined, chunk: number): SparseVector | undefined {
  const [from, to] = [block?.starts[chunk], block?.starts[chunk + 1]];
  if (block === undefined || from === undefined || to === undefined || from === to) {
    return undefined;
  }
  return block.bytes.subarray(from, to);
}

export function sparseBlockBytes(block: SparseBlock | undefined): number {
  if (block === undefined) return 0;
  return blockBytes + block.starts.byteLength + block.bytes.byteLength;
}

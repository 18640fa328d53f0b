/**
 * Sparse vectors of a batch on their way out of an embedding worker: its reply is one transferred
 * buffer, here of how many terms each text has and the vectors after another. A vocabulary's
 * weights as they come from the graph are a hundred times as many bytes. Pure; both sides import
 * it.
 */

import { packSparse, type SparseVector, sparseTermBytes } from "../contract/sparse.ts";

/** @param weights rows x vocabulary */
export function packSparseRows(
  weights: Float32Array,
  { rows, termsMax }: { readonly rows: number; readonly termsMax: number },
): Float32Array<ArrayBuffer> {
  const vocabulary = weights.length / rows;
  const vectors = Array.from({ length: rows }, (_, row) =>
    packSparse(weights.subarray(row * vocabulary, (row + 1) * vocabulary), termsMax),
  );
  const bytes = vectors.reduce((sum, { length }) => sum + length, 4 * rows);
  const buffer = new ArrayBuffer(Math.ceil(bytes / 4) * 4);
  const counts = new Uint32Array(buffer, 0, rows);
  const packed = new Uint8Array(buffer);
  let at = 4 * rows;
  for (const [row, vector] of vectors.entries()) {
    counts[row] = vector.length / sparseTermBytes;
    packed.set(vector, at);
    at += vector.length;
  }
  return new Float32Array(buffer);
}

/** The inverse. Copies: a vector is kept for longer than its batch. */
export function unpackSparseRows(
  { buffer, byteOffset, byteLength }: Float32Array,
  rows: number,
): readonly SparseVector[] {
  const counts = new Uint32Array(buffer, byteOffset, rows);
  const packed = new Uint8Array(buffer, byteOffset, byteLength);
  let at = 4 * rows;
  return Array.from(counts, (count) => {
    const from = at;
    at += count * sparseTermBytes;
    return packed.slice(from, at);
  });
}

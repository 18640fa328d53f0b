/** Sparse vectors of stored objects: scored where they are found, and as text for the vendor. */

import type { Candidate } from "../contract/candidate.ts";
import { isSparse, type SparseVector, sparseProduct } from "../contract/sparse.ts";

export function sparseScore(
  own: SparseVector | undefined,
  asked: SparseVector | undefined,
): Pick<Candidate, "sparse"> {
  if (own === undefined || asked === undefined) return {};
  return { sparse: sparseProduct(own, asked) };
}

/** Base64, as Weaviate has no property of bytes that a search would return as such. */
export function sparseText(vector: SparseVector): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("base64");
}

/**
 * Undefined of an object that was stored without one, which Weaviate returns as null or an empty
 * text, and of what none of us wrote: the rest of that object is sound.
 */
export function sparseIn(text: unknown): SparseVector | undefined {
  if (typeof text !== "string" || text === "") return undefined;
  const vector = new Uint8Array(Buffer.from(text, "base64"));
  return vector.length > 0 && isSparse(vector) ? vector : undefined;
}

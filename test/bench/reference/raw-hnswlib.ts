/** The reference of the hot rows: hnswlib-node as its readme shows it, the same addon and the same shape of graph. */

import hnswlib from "hnswlib-node";
import { buildBreadth, linksPerVector } from "../../../src/hot/hnsw-protocol.ts";
import { searchBreadth } from "../../../src/hot/nearest.ts";

export interface RawIndex {
  add(vector: readonly number[], label: number): void;
  nearest(vector: readonly number[], k: number): readonly number[];
}

/** Room for `capacity` vectors; takes plain arrays, as the library does, so that it pays for no conversion. */
export function openRawIndex(capacity: number, dimensions: number): RawIndex {
  const index = new hnswlib.HierarchicalNSW("ip", dimensions);
  index.initIndex(capacity, linksPerVector, buildBreadth);
  index.setEf(searchBreadth);
  return {
    add: (vector, label) => index.addPoint(vector as number[], label),
    nearest: (vector, k) => index.searchKnn(vector as number[], k).neighbors,
  };
}

/**
 * A graph of hnswlib-node, loaded from the file that a builder thread wrote.
 *
 * hnswlib ends the process on a bad argument, so this is the only file that calls it, and it hands over
 * plain arrays of checked numbers only; never a filter callback, never a label that is there already.
 */

import { stat } from "node:fs/promises";
import hnswlib from "hnswlib-node";
import type { Graph } from "./graph.ts";
import { linksPerVector, searchBreadth } from "./hnsw-protocol.ts";

/** Per vector beside its numbers: base links and their count, label, and a share of the upper layers. */
const linkBytes = (2 * linksPerVector + 1) * 4 + 8 + 24;

export interface GraphFile {
  readonly file: string;
  readonly fileBytes: number;
  readonly size: number;
  readonly dimensions: number;
}

/** @throws Error when the file is not the one that was written */
export async function loadGraph(source: GraphFile): Promise<Graph> {
  const { file, fileBytes, size, dimensions } = source;
  const found = await stat(file);
  if (found.size !== fileBytes) throw new Error("the index file has another size than was written");
  const index = new hnswlib.HierarchicalNSW("ip", dimensions);
  await index.readIndex(file);
  if (index.getCurrentCount() !== size) throw new Error("the index file has another count");
  return {
    size,
    bytes: size * (dimensions * 4 + linkBytes),
    nearest(vector, k) {
      const count = Math.min(k, size);
      if (vector.length !== dimensions || !(count >= 1)) return [];
      index.setEf(Math.max(searchBreadth, count));
      return index.searchKnn(Array.from(vector), count).neighbors;
    },
  };
}

/** A builder thread: builds one graph from shared vectors, writes it, reads it back, reports, ends. */

import { statSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import hnswlib from "hnswlib-node";
import {
  type BuildReply,
  type BuildRequest,
  buildBreadth,
  linksPerVector,
} from "./hnsw-protocol.ts";

function build({ dimensions, blocks, blockOf, places, file }: BuildRequest): BuildReply {
  const size = places.length;
  const index = new hnswlib.HierarchicalNSW("ip", dimensions);
  index.initIndex(size, linksPerVector, buildBreadth);
  for (let label = 0; label < size; label += 1) {
    const at = (places[label] as number) * dimensions;
    const vector = blocks[blockOf[label] as number]?.subarray(at, at + dimensions);
    if (vector?.length !== dimensions) return { ok: false, message: "a place has no vector" };
    index.addPoint(Array.from(vector), label);
  }
  index.writeIndexSync(file);
  // hnswlib does not look whether its writes succeeded: on a full disk the file is short, and only a
  // reader notices.
  const copy = new hnswlib.HierarchicalNSW("ip", dimensions);
  copy.readIndexSync(file);
  if (copy.getCurrentCount() !== size) return { ok: false, message: "the written index is short" };
  return { ok: true, fileBytes: statSync(file).size };
}

function reply(): BuildReply {
  try {
    return build(workerData as BuildRequest);
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.postMessage(reply());

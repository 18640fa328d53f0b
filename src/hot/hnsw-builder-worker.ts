/**
 * A builder thread: finds the neighbours of every row with hnswlib, copies the rows, reports, ends.
 */

import { parentPort, workerData } from "node:worker_threads";
import hnswlib from "hnswlib-node";
import { yieldBy } from "../runtime/priority.ts";
import { copyRows, numbersOf } from "./graph-links.ts";
import { readLinks } from "./hnsw-file.ts";
import {
  type BuildReply,
  type BuildRequest,
  buildBreadth,
  linksPerVector,
} from "./hnsw-protocol.ts";

/** Below embedding (src/embedding/onnx.ts), which lets questions and the log go first. */
const builderNiceness = 15;

function build(request: BuildRequest): BuildReply {
  const { memory, dimensions, places, target, file, unwanted } = request;
  copyRows(request);
  const size = places.length;
  // hnswlib ends the process on a bad argument: it gets plain arrays of numbers that passed
  // `checkVector`.
  const index = new hnswlib.HierarchicalNSW("ip", dimensions);
  index.initIndex(size, linksPerVector, buildBreadth);
  for (let row = 0; row < size; row += 1) {
    if (Atomics.load(unwanted, 0) !== 0) return { ok: false, message: "the build was given up" };
    index.addPoint(numbersOf(memory, target, { row, dimensions }), row);
  }
  index.writeIndexSync(file);
  return { ok: true, links: readLinks({ file, size, dimensions }) };
}

function reply(): BuildReply {
  try {
    return build(workerData as BuildRequest);
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

// No search waits for a graph: a build of a second at full priority delayed documents by half of
// one.
yieldBy(builderNiceness);
const result = reply();
const lists = result.ok ? [result.links.base, result.links.offsets, result.links.upper] : [];
parentPort?.postMessage(
  result,
  lists.map(({ buffer }) => buffer),
);

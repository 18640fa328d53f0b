/**
 * A builder thread: finds the neighbours of every row with hnswlib, copies the rows, reports, ends.
 */

import { parentPort, workerData } from "node:worker_threads";
import { NativeGate } from "../runtime/native-gate.ts";
import { yieldBy } from "../runtime/priority.ts";
import { copyRows, numbersOf } from "./graph-links.ts";
import { readLinks } from "./hnsw-file.ts";
import {
  type BuildReply,
  type BuildRequest,
  type BuildWork,
  buildBreadth,
  linksPerVector,
} from "./hnsw-protocol.ts";

/** Below embedding (src/embedding/onnx.ts), which lets questions and the log go first. */
const builderNiceness = 15;

async function build(request: BuildRequest, gate: NativeGate): Promise<BuildReply> {
  const { default: hnswlib } = await gate.run(() => import("hnswlib-node"));
  const { memory, dimensions, places, target, file } = request;
  copyRows(request);
  const size = places.length;
  // hnswlib ends the process on a bad argument: it gets plain arrays of numbers that passed
  // `checkVector`.
  const index = gate.runSync(() => new hnswlib.HierarchicalNSW("ip", dimensions));
  gate.runSync(() => index.initIndex(size, linksPerVector, buildBreadth));
  for (let row = 0; row < size; row += 1) {
    const vector = numbersOf(memory, target, { row, dimensions });
    gate.runSync(() => index.addPoint(vector, row));
  }
  gate.runSync(() => index.writeIndexSync(file));
  return { ok: true, links: readLinks({ file, size, dimensions }) };
}

async function reply(): Promise<BuildReply> {
  try {
    const { request, gate } = workerData as BuildWork;
    return await build(request, new NativeGate(gate));
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

// No search waits for a graph: a build of a second at full priority delayed documents by half of
// one.
yieldBy(builderNiceness);
const result = await reply();
const lists = result.ok ? [result.links.base, result.links.offsets, result.links.upper] : [];
parentPort?.postMessage(
  result,
  lists.map(({ buffer }) => buffer),
);

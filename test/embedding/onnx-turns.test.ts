import { expect, it } from "vitest";
import type { WorkerRequest } from "../../src/embedding/onnx-protocol.ts";
import { WorkerTurns } from "../../src/embedding/onnx-turns.ts";
import type { Lane } from "../../src/embedding/port.ts";

const batch = (id: number, lane: Lane): WorkerRequest => ({
  ...{ kind: "embed", id, lane, rows: 1, columns: 8, buffer: new ArrayBuffer(0) },
});

it("a worker of both lanes takes questions first, each lane in its order, and closes last (OW3, OW4)", () => {
  const turns = new WorkerTurns();
  turns.add(batch(1, "ingest"));
  turns.add(batch(2, "ingest"));
  turns.add({ kind: "close" });
  turns.add(batch(3, "query"));
  turns.add(batch(4, "query"));
  const taken = Array.from({ length: 5 }, () => turns.next());
  expect(taken.map((each) => (each?.kind === "embed" ? each.id : each?.kind))).toEqual([
    ...[3, 4, 1, 2],
    "close",
  ]);
  expect(new WorkerTurns().next()).toBeUndefined();
});

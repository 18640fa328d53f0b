import { afterEach, expect, it } from "vitest";
import { FreshetError } from "../../src/contract/errors.ts";
import { limits } from "../../src/contract/limits.ts";
import { isLost } from "../../src/embedding/failures.ts";
import { OnnxLane } from "../../src/embedding/onnx-lane.ts";
import { packBatch } from "../../src/embedding/onnx-protocol.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { deadlyId, hangingId, neverReady } from "./fixtures/deadly-id.ts";

const lanes: OnnxLane[] = [];

afterEach(async () => {
  for (const lane of lanes.splice(0)) await lane.close();
});

type Place = "thread" | "process";

async function openLane(hangMs = 60_000, place: Place = "thread") {
  const hopeless: number[] = [];
  const lane = new OnnxLane({
    lanes: ["ingest"],
    place: place === "thread" ? { kind: place } : { kind: place, env: {}, libraryFolders: [] },
    settings: { graphFile: "", provider: "cpu", dimensions: 1, threads: 1, niceness: 0 },
    workerUrl: new URL("./fixtures/plain-worker.ts", import.meta.url),
    clock: systemClock,
    hangMs,
    onHopeless: () => hopeless.push(1),
  });
  lanes.push(lane);
  await lane.start();
  const run = async (id: number) => [
    ...(await lane.run(packBatch([Int32Array.of(id)], "cpu"), { lane: "ingest" })),
  ];
  /** As the embedder actor does: again while the thread starts. */
  const runPatiently = async (id: number): Promise<number[]> => {
    for (;;) {
      try {
        return await run(id);
      } catch (thrown) {
        if (!(thrown instanceof FreshetError) || thrown.code !== "embedding_unavailable")
          throw thrown;
        await systemClock.sleep(20);
      }
    }
  };
  return { run, runPatiently, hopeless };
}

const places = ["thread", "process"] as const;

it.each(places)(
  "loses what a %s had in hand when it ended; what waited is unavailable, and it comes back",
  async (place) => {
    const { run, runPatiently } = await openLane(60_000, place);
    expect(await run(5)).toEqual([5]);
    const [deadly, next, waiting] = await Promise.allSettled([run(deadlyId), run(6), run(7)]);
    for (const result of [deadly, next]) {
      expect(result).toMatchObject({ status: "rejected" });
      expect(isLost(result?.status === "rejected" ? result.reason : undefined)).toBe(true);
    }
    expect(waiting).toMatchObject({ reason: { code: "embedding_unavailable" } });
    expect(await runPatiently(8)).toEqual([8]);
  },
);

it.each(places)("gives up a %s that hangs, and others go on with a new one", async (place) => {
  const { run, runPatiently, hopeless } = await openLane(500, place);
  await expect(run(hangingId)).rejects.toSatisfy(isLost);
  expect(await runPatiently(8)).toEqual([8]);
  expect(hopeless).toEqual([]);
});

it("says that only a new process helps when too many threads hang", async () => {
  const { runPatiently, hopeless } = await openLane(300);
  for (let hung = 1; hung <= limits.embedHungThreadsMax; hung += 1) {
    await expect(runPatiently(hangingId)).rejects.toSatisfy(isLost);
    expect(hopeless).toHaveLength(hung === limits.embedHungThreadsMax ? 1 : 0);
  }
});

it.each(places)("a %s that never gets ready is given up, and the start fails", async (place) => {
  const hopeless: number[] = [];
  const lane = new OnnxLane({
    lanes: ["ingest"],
    place: place === "thread" ? { kind: place } : { kind: place, env: {}, libraryFolders: [] },
    settings: { graphFile: neverReady, provider: "cpu", dimensions: 1, threads: 1, niceness: 0 },
    workerUrl: new URL("./fixtures/plain-worker.ts", import.meta.url),
    clock: systemClock,
    ...{ hangMs: 60_000, startMs: 500, onHopeless: () => hopeless.push(1) },
  });
  lanes.push(lane);
  await expect(lane.start()).rejects.toMatchObject({ code: "embedding_unavailable" });
  expect(hopeless).toEqual([]);
});

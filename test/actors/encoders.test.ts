/** The models that a node loads beside the engines' own. */
import { describe, expect, it } from "vitest";
import { Directory } from "../../actors/directory/directory.ts";
import { type Beside, type TenantEncoder, TenantEncoders } from "../../actors/topology/encoders.ts";
import { tenantGenerations } from "../../actors/topology/generations.ts";
import type { TopologyOptions } from "../../actors/topology/options.ts";
import { createSystem } from "../../actors/topology/system.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import { begin, feed, firstGeneration, join } from "../../src/contract/generation.ts";
import {
  generationName,
  type Position,
  type TenantId,
  type Version,
} from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { createMemoryEmbedder } from "../../src/embedding/memory.ts";
import { KnownGenerations } from "../../src/log/generations.ts";
import { createMemoryLog } from "../../src/log/memory/log.ts";
import { createManualClock } from "../support/manual-clock.ts";

const own = { vectors: { forget: () => {} } } as unknown as TenantEncoder;
const nameOf = (model: string) => generationName(`tenant-${model}` as TenantId, 2);

/** One tenant for each model, with a generation of it that is fed. */
function setUp(models: readonly string[], { failing = new Set<string>() } = {}) {
  const clock = createManualClock();
  const generations = new KnownGenerations(createMemoryLog().generations);
  const plan = { from: 0 as Position, upTo: 0 as Version };
  for (const model of models) {
    const built = join(begin(firstGeneration, { model, ...plan }), 2);
    const fed = feed(built, { number: 2, builtTo: 0 as Version });
    generations.heard(`tenant-${model}` as TenantId, fed, 1);
  }
  const loads = { now: 0, most: 0 };
  const gates = new Map(models.map((model) => [model, Promise.withResolvers<void>()]));
  const encoders = new TenantEncoders(own, generations, {
    ...{ clock, logger: silentLogger, installedModels: () => models },
    async make({ model }) {
      loads.now += 1;
      loads.most = Math.max(loads.most, loads.now);
      await gates.get(model ?? "")?.promise;
      if (!failing.has(model ?? "")) return { close: async () => void (loads.now -= 1) } as Beside;
      loads.now -= 1;
      throw new FreshetError("embedding_unavailable", "no graph");
    },
  });
  return { clock, encoders, loads, gates, generations };
}

describe("the models beside the engines' own", () => {
  it("stay within their bound when several are opened at the same time (GE2)", async () => {
    const models = Array.from({ length: limits.encodersBesideMax + 2 }, (_, at) => `m-${at}`);
    const { encoders, loads, gates } = setUp(models);
    const opening = models.map((model) =>
      encoders.open(nameOf(model)).then(
        () => "opened",
        (thrown: FreshetError) => thrown.code,
      ),
    );
    for (const gate of gates.values()) gate.resolve();
    const outcomes = await Promise.all(opening);
    expect(outcomes.filter((one) => one === "opened")).toHaveLength(limits.encodersBesideMax);
    expect(outcomes.filter((one) => one === "overloaded")).toHaveLength(2);
    expect(loads.most).toBe(limits.encodersBesideMax);
    // What has no room is not said to be there, and its tenant is told why.
    expect(encoders.openable()).toEqual(["m-0", "m-1"]);
    expect(encoders.absence(nameOf("m-3"))).toMatchObject({
      code: "not_ready",
      message: expect.stringContaining("m-3, cannot be loaded"),
    });
  });

  it("are not said to be there when one could not be loaded, until it can (GE3)", async () => {
    const failing = new Set(["m"]);
    const { clock, encoders, gates } = setUp(["m"], { failing });
    gates.get("m")?.resolve();
    expect(encoders.openable()).toEqual(["m"]);
    await expect(encoders.open(nameOf("m"))).rejects.toMatchObject({
      code: "embedding_unavailable",
    });
    expect(encoders.openable()).toEqual([]);
    failing.clear();
    expect(encoders.openable()).toEqual([]);
    await clock.advance(limits.encoderRetryMs);
    encoders.openable();
    await encoders.open(nameOf("m"));
    expect(encoders.openable()).toEqual(["m"]);
    expect(encoders.absence(nameOf("m"))).toBeUndefined();
  });
});

it("a model that is loaded while the node stops is closed: its threads would keep the process", async () => {
  const clock = createManualClock();
  const log = createMemoryLog();
  const quiet = { clock, logger: silentLogger, metrics: silentMetrics };
  const system = createSystem(quiet);
  const loads = Promise.withResolvers<void>();
  let closed = 0;
  const openEncoder: TopologyOptions["openEncoder"] = async () => {
    await loads.promise;
    const embedder = { ...createMemoryEmbedder(), close: async () => void (closed += 1) };
    return { embedder, tokenizer: { encode: () => Int32Array.of(1) } } as never;
  };
  const options = { ...quiet, log, settings: {}, openEncoder } as unknown as TopologyOptions;
  const directory = new Directory(log.partitions);
  const { generations, encoders } = tenantGenerations(system, options, { own, directory });
  const built = begin(firstGeneration, { model: "m", from: 0 as Position, upTo: 0 as Version });
  const fed = feed(join(built, 2), { number: 2, builtTo: 0 as Version });
  generations.heard("acme" as TenantId, fed, 1);
  const opening = encoders.open(generationName("acme" as TenantId, 2));
  const failed = expect(opening).rejects.toThrow("stopping");
  await system.stop();
  loads.resolve();
  await failed;
  expect(closed).toBe(1);
});

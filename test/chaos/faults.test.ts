import { expect, it } from "vitest";
import { describeFault, mergeWorkers, type PlannedKind, planFaults } from "./faults.ts";
import { seededRandom } from "./random.ts";

const kinds: readonly PlannedKind[] = [
  "kill",
  "freeze",
  "fail-point",
  "delay",
  "reset",
  "cancel-merge",
  "partition",
  "disk-full",
  "sleep",
  "clock-step",
];

function plan(seed: number, some = kinds, servers: { nats?: 1 | 3; weaviate?: 1 | 3 } = {}) {
  const { nats: natsServers = 1, weaviate: weaviates = 1 } = servers;
  const size = { stormMs: 600_000, nodes: 2, natsServers, weaviates };
  const options = { ...size, everyMs: 1_000, kinds: some };
  return planFaults(seededRandom(seed), options);
}

it("a plan is a function of its seed", () => {
  expect(plan(3)).toEqual(plan(3));
  expect(plan(3)).not.toEqual(plan(4));
});

it("a plan has every kind that is permitted, and no other", () => {
  expect(new Set(plan(3).map(({ fault }) => fault.kind))).toEqual(new Set(kinds));
  expect(new Set(plan(3, ["kill"]).map(({ fault }) => fault.kind))).toEqual(new Set(["kill"]));
});

it("every process is killed and frozen, every link is cut, and some engines sleep past their lease", () => {
  const described = plan(3).map(({ fault }) => describeFault(fault));
  const processes = ["engine-1", "engine-2", ...mergeWorkers, "nats", "temporal", "weaviate"];
  for (const target of processes) {
    expect(described.join("\n")).toMatch(new RegExp(`kill ${target}`));
    expect(described.join("\n")).toMatch(new RegExp(`freeze ${target}`));
  }
  expect(described.join("\n")).toMatch(/freeze engine-\d for 21/);
  expect(described.join("\n")).toMatch(/partition merge-worker > weaviate/);
  expect(described.join("\n")).toMatch(
    /freeze merge-worker(-2)? at after cold\.versions .* for 34/,
  );
  expect(described.join("\n")).toMatch(/partition merge-worker(-2)? > temporal .* for 34/);
});

it("on a cluster each nats-server is killed and frozen, sometimes all at once, and leaders step down", () => {
  const described = plan(3, [...kinds, "step-down"], { nats: 3 }).map(({ fault }) =>
    describeFault(fault),
  );
  for (const target of ["nats-1", "nats-2", "nats-3", "nats"]) {
    expect(described.join("\n")).toMatch(new RegExp(`kill ${target} `));
    expect(described.join("\n")).toMatch(new RegExp(`freeze ${target} `));
  }
  expect(described.join("\n")).toContain("step down the leader of stream");
});

it("of a cluster of Weaviates each node is killed, frozen and loses its disk, sometimes for long", () => {
  const described = plan(3, [...kinds, "lose-disk"], { weaviate: 3 })
    .map(({ fault }) => describeFault(fault))
    .join("\n");
  for (const target of ["weaviate-1", "weaviate-2", "weaviate-3"]) {
    expect(described).toMatch(new RegExp(`kill ${target} `));
    expect(described).toMatch(new RegExp(`freeze ${target} `));
    expect(described).toMatch(new RegExp(`lose-disk ${target} `));
  }
  expect(described).toMatch(/kill weaviate for/);
  expect(described).toMatch(/freeze weaviate-\d for (9|1\d)/);
});

it("an operator's steps with generations fall among the other faults, where they are permitted", () => {
  const steps = plan(3, [...kinds, "generation"]).filter(
    ({ fault }) => fault.kind === "generation",
  );
  expect(steps.length).toBeGreaterThan(60);
  expect(new Set(steps.map(({ fault }) => describeFault(fault))).size).toBeGreaterThan(30);
});

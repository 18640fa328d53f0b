import fc from "fast-check";
import { expect, it } from "vitest";
import { Directory } from "../../actors/directory/directory.ts";
import { membershipActor } from "../../actors/membership.ts";
import type { PartitionMessage } from "../../actors/messages.ts";
import { partitionActor } from "../../actors/partition/partition.ts";
import { createMemoryCold } from "../../src/cold/memory.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { Partition } from "../../src/contract/ids.ts";
import { silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import { TenantCatalogue } from "../../src/log/catalogue.ts";
import { KnownGenerations } from "../../src/log/generations.ts";
import type { LeaseStore } from "../../src/log/lease-port.ts";
import { TenantLives } from "../../src/log/lives.ts";
import { createMemoryLog, type MemoryLog } from "../../src/log/memory/log.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { BoundedMailbox } from "../../src/runtime/mailbox.ts";
import { createManualClock } from "../support/manual-clock.ts";
import { runs } from "../support/runs.ts";
import { createSystem } from "./kit.ts";

/**
 * Nodes with their real actors on one lease store that answers each of them as it is told: right,
 * not at all, after it has done what was asked, or late; nodes that stop where they stand, die, and
 * come back under their name.
 */

const leaseMs = 9_000;
const renewEveryMs = 3_000;
const lookEveryMs = 500;
const settleMs = 2_000;
const takeAnywayMs = 2 * leaseMs;
/**
 * On the way there, and again on the way back: two calls one after the other stay within a clean
 * stop.
 */
const lateMs = 2_000;
const partitions = 3;
const names = ["a", "b", "c"] as const;

type Answering = "ok" | "fails" | "unknown" | "late";

type Step =
  | { readonly kind: "advance"; readonly looks: number }
  | { readonly kind: "answers"; readonly node: number; readonly how: Answering }
  /** Stopped where it stands for longer than a lease, and let go on. */
  | { readonly kind: "nap"; readonly node: number; readonly looks: number }
  | { readonly kind: "pause" | "resume" | "kill" | "start" | "stop"; readonly node: number };

const nodeIndex = fc.nat(names.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("advance" as const),
      looks: fc.integer({ min: 1, max: 30 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("answers" as const),
      node: nodeIndex,
      how: fc.constantFrom<Answering>("ok", "fails", "unknown", "late"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("nap" as const),
      node: nodeIndex,
      looks: fc.integer({ min: 15, max: 40 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom("pause", "resume", "kill", "start", "stop"),
      node: nodeIndex,
    }),
  },
);

interface Node {
  readonly directory: Directory;
  answering: Answering;
  /** Resolves when the node may go on; undefined while it runs. */
  paused: PromiseWithResolvers<void> | undefined;
  stop(): Promise<void>;
}

let processes = 0;

function startNode(name: string, log: MemoryLog, time: Clock): Node {
  processes += 1;
  const identity = `${name}~${processes}`;
  const directory = new Directory(partitions);
  const node: Node = { directory, answering: "ok", paused: undefined, stop };
  const running = async (): Promise<void> => {
    while (node.paused !== undefined) await node.paused.promise;
  };
  const clock: Clock = {
    ...time,
    sleep: async (ms, signal) => {
      await time.sleep(ms, signal);
      await running();
    },
  };
  const call = async <Value>(ask: () => Promise<Value>): Promise<Value> => {
    await running();
    const { answering } = node;
    if (answering === "fails") throw new FreshetError("log_unavailable");
    if (answering === "late") await clock.sleep(lateMs);
    const value = await ask();
    if (answering === "late") await clock.sleep(lateMs);
    await running();
    if (answering === "unknown") throw new FreshetError("log_unavailable");
    return value;
  };
  const leases: LeaseStore = {
    acquire: (...args) => call(() => log.leases.acquire(...args)),
    renew: (...args) => call(() => log.leases.renew(...args)),
    release: (...args) => call(() => log.leases.release(...args)),
    holder: (...args) => call(() => log.leases.holder(...args)),
    epochOf: (...args) => call(() => log.leases.epochOf(...args)),
    announce: (...args) => call(() => log.leases.announce(...args)),
    announced: () => call(() => log.leases.announced()),
    withdraw: (...args) => call(() => log.leases.withdraw(...args)),
    snapshot: () => call(() => log.leases.snapshot()),
  };
  const system = createSystem(clock);
  const actors = [...directory.partitions.values()].map((entry) =>
    system.spawn<PartitionMessage>({
      name: `partition/${entry.partition}`,
      capacity: 100,
      behaviour: partitionActor({
        ...{ partition: entry.partition, node: identity, name, entry },
        log: { ...log, leases },
        catalogue: new TenantCatalogue({ max: 1 }, log.chunks),
        lives: new TenantLives(log.lives),
        ...{
          generations: new KnownGenerations(log.generations),
          modelOf: () => undefined,
        },
        sleep: { afterMs: 0, cold: createMemoryCold(), mergeTrigger: new BoundedMailbox(1) },
        spawnTenant: () => expect.fail("there are no tenants here"),
        ...{ renewEveryMs, takeAnywayMs, respawnMs: 1_000, pullMax: 10 },
        ...{ metrics: silentMetrics, logger: silentLogger },
      }),
    }),
  );
  system.spawn<never>({
    name: "membership",
    capacity: 1,
    behaviour: membershipActor({
      ...{ name, leases, partitions: actors.map(({ mailbox }) => mailbox) },
      ...{ announceEveryMs: renewEveryMs, lookEveryMs, settleMs, logger: silentLogger },
    }),
  });
  function stop(): Promise<void> {
    return system.stop();
  }
  return node;
}

class World {
  readonly #time = createManualClock();
  readonly #log = createMemoryLog({ clock: this.#time, partitions, leaseMs });
  readonly #alive = new Map<string, Node>();
  readonly #ending: Promise<void>[] = [];

  async take(one: Step): Promise<void> {
    if (one.kind === "advance") return this.#advance(one.looks);
    const name = names[one.node] ?? names[0];
    const node = this.#alive.get(name);
    if (node === undefined) {
      if (one.kind === "start") this.#alive.set(name, startNode(name, this.#log, this.#time));
      return;
    }
    switch (one.kind) {
      case "answers":
        node.answering = one.how;
        return;
      case "pause":
        node.paused ??= Promise.withResolvers();
        return;
      case "nap":
        node.paused ??= Promise.withResolvers();
        await this.#advance(one.looks);
        this.#resume(node);
        return this.#advance(2);
      case "resume":
        return this.#resume(node);
      case "kill":
        // What it holds stays behind: nothing that it does from now on arrives.
        node.answering = "fails";
        return this.#end(name, node);
      case "stop":
        return this.#end(name, node);
      case "start":
        return;
    }
  }

  /** Every fault is over; all nodes are there. */
  async heal(): Promise<void> {
    for (const node of this.#alive.values()) {
      node.answering = "ok";
      this.#resume(node);
    }
    for (const [index] of names.entries()) await this.take({ kind: "start", node: index });
    await this.#advance((2 * takeAnywayMs + 2 * leaseMs) / lookEveryMs);
  }

  owners(): readonly (readonly string[])[] {
    const nowMs = this.#time.monotonicMs();
    return Array.from({ length: partitions }, (_, index) =>
      [...this.#alive].flatMap(([name, { directory }]) => {
        const { state, validUntilMs } = directory.partition(index as Partition);
        return state === "serving" && nowMs < validUntilMs ? [name] : [];
      }),
    );
  }

  async close(): Promise<void> {
    for (const [name, node] of [...this.#alive]) this.#end(name, node);
    for (let round = 0; round < 40; round += 1) await this.#time.advance(lookEveryMs);
    await Promise.all(this.#ending);
  }

  #resume(node: Node): void {
    node.paused?.resolve();
    node.paused = undefined;
  }

  #end(name: string, node: Node): void {
    this.#alive.delete(name);
    this.#resume(node);
    this.#ending.push(node.stop());
  }

  async #advance(looks: number): Promise<void> {
    for (let look = 0; look < looks; look += 1) {
      await this.#time.advance(lookEveryMs);
      const shared = this.owners().find((owners) => owners.length > 1);
      if (shared !== undefined) expect.fail(`nodes ${shared.join()} serve one partition`);
    }
  }
}

it("I6, O3: never two nodes serve by valid leases, and when all faults are over every partition is served", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const world = new World();
      try {
        for (const [index] of names.entries()) await world.take({ kind: "start", node: index });
        for (const one of steps) await world.take(one);
        await world.heal();
        for (const owners of world.owners()) expect(owners).toHaveLength(1);
      } finally {
        await world.close();
      }
    }),
    { numRuns: runs(40) },
  );
});

it("O1: nodes that were never disturbed share as drawn, and one that leaves is replaced at once", async () => {
  const world = new World();
  for (const [index] of names.entries()) await world.take({ kind: "start", node: index });
  await world.take({ kind: "advance", looks: 20 });
  const shared = world.owners().flat();
  expect(shared).toHaveLength(partitions);
  const leaving = names.indexOf(shared[0] as (typeof names)[number]);
  await world.take({ kind: "stop", node: leaving });
  await world.take({ kind: "advance", looks: 3 });
  const after = world.owners().flat();
  expect(after).toHaveLength(partitions);
  for (const [index, owner] of shared.entries()) {
    if (owner === shared[0]) expect(after[index]).not.toBe(owner);
    else expect(after[index]).toBe(owner);
  }
  await world.close();
});

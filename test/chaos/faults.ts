/** Pure: the faults that the nemesis knows, and the plan of a run, a function of its seed. */

import { limits } from "../../src/contract/limits.ts";
import { type FailPoint, failPointsOf } from "./fail-points.ts";
import type { Random } from "./random.ts";

/** Two, so that an attempt that timed out on one meets the next one on the other. */
export const mergeWorkers = ["merge-worker", "merge-worker-2"] as const;
export type MergeWorker = (typeof mergeWorkers)[number];

export function isMergeWorker(target: Target): target is MergeWorker {
  return mergeWorkers.some((worker) => worker === target);
}

/** Whatever runs as a process. Engines are `engine-1` … `engine-N`. */
export type Target =
  | NatsServer
  | "nats"
  | "temporal"
  | WeaviateNode
  | "weaviate"
  | MergeWorker
  | `engine-${number}`;

/** One server of a cluster; `nats` means all. */
export type NatsServer = `nats-${number}`;

/** One node of a cluster; `weaviate` means all. */
export type WeaviateNode = `weaviate-${number}`;

/** A connection that goes through a proxy of ours: from a Freshet process to a server. */
export interface Link {
  readonly from: Target;
  readonly to: "nats" | "temporal" | "weaviate";
}

export type Fault =
  /** kill -9; started again `lastsMs` later. */
  | { readonly kind: "kill"; readonly target: Target; readonly lastsMs: number }
  /** SIGSTOP, SIGCONT `lastsMs` later. */
  | { readonly kind: "freeze"; readonly target: Target; readonly lastsMs: number }
  /** kill -9 or SIGSTOP of the process itself, right before or after the n-th call of one effect from now on. */
  | {
      readonly kind: "fail-point";
      readonly target: Target;
      readonly point: FailPoint;
      readonly calls: number;
      readonly action: "kill" | "freeze";
      readonly lastsMs: number;
    }
  | {
      readonly kind: "delay";
      readonly link: Link;
      readonly delayMs: number;
      readonly lastsMs: number;
    }
  /** Breaks the running connections once. */
  | { readonly kind: "reset"; readonly link: Link; readonly lastsMs: 0 }
  /** An operator cancels what the merges of the n-th tenant have in work; the attempt goes on, and nobody waits for it. */
  | { readonly kind: "cancel-merge"; readonly nth: number; readonly lastsMs: 0 }
  /** An operator takes the generations of a tenant one step further: a build, a cut-over, a rollback. */
  | { readonly kind: "generation"; readonly nth: number; readonly lastsMs: 0 }
  /** Nothing gets through, in both directions or in one; what was sent arrives when it is over. */
  | {
      readonly kind: "partition";
      readonly link: Link;
      readonly direction: "both" | "to-server" | "from-server";
      readonly lastsMs: number;
    }
  /** The log's disk has no byte left. A server whose stream froze needs a restart, and gets one. */
  | { readonly kind: "disk-full"; readonly target: "nats"; readonly lastsMs: number }
  /** The leader of the n-th stream of a cluster gives its place to another server. */
  | {
      readonly kind: "step-down";
      readonly target: "nats";
      readonly nth: number;
      readonly lastsMs: 0;
    }
  /** kill -9 of a node of a cluster, and all that it stored is gone when it starts again. */
  | { readonly kind: "lose-disk"; readonly target: WeaviateNode; readonly lastsMs: number }
  /** A paused machine: SIGSTOP, and its monotonic clock stands still until it is woken. */
  | { readonly kind: "sleep"; readonly target: `engine-${number}`; readonly lastsMs: number }
  /**
   * What a step of the log's clock does to leases. Forward: the server drops all that there are. Back: it drops none,
   * for as long as it lasts. The clock itself belongs to the whole machine.
   */
  | {
      readonly kind: "clock-step";
      readonly target: "nats";
      readonly by: "forward" | "back";
      readonly lastsMs: number;
    }
  /** The records of CHUNKS but the newest of each tenant are gone, merged or not. Never in a plan: it loses data. */
  | { readonly kind: "lose-records"; readonly target: "nats"; readonly lastsMs: 0 };

export type FaultKind = Fault["kind"];

/** What a random plan is made of. */
export type PlannedKind = Exclude<FaultKind, "lose-records">;

export interface PlannedFault {
  /** Milliseconds from the start of the first storm; rests between storms do not count. */
  readonly atMs: number;
  readonly fault: Fault;
}

export interface FaultPlanOptions {
  readonly stormMs: number;
  readonly nodes: number;
  readonly natsServers: 1 | 3;
  readonly weaviates: 1 | 3;
  /** Mean time between two faults. */
  readonly everyMs: number;
  /** Kinds that this machine permits. */
  readonly kinds: readonly PlannedKind[];
}

const weights: Readonly<Record<PlannedKind, number>> = {
  kill: 5,
  freeze: 4,
  "fail-point": 6,
  delay: 2,
  reset: 2,
  "cancel-merge": 2,
  generation: 6,
  partition: 3,
  "disk-full": 0.5,
  "step-down": 2,
  "lose-disk": 3,
  sleep: 1.5,
  "clock-step": 1.5,
};

/** The lease's 16 s and some: long enough for another node to take over. */
const pastLeaseMs = 21_000;
/** A merge worker's heartbeat time-out and some: long enough for the other one to do its work again. */
const pastHeartbeatMs = limits.mergeHeartbeatMs + 4_000;

/** Weaviates call a silent one dead after 2 to 5 s. */
const pastGossipMs = 8_000;

/** Faults in order of time. Several may overlap; who applies them skips those whose target is already in trouble. */
export function planFaults(random: Random, options: FaultPlanOptions): readonly PlannedFault[] {
  const { stormMs, everyMs, kinds } = options;
  const allowed = Object.fromEntries(kinds.map((kind) => [kind, weights[kind]])) as Record<
    PlannedKind,
    number
  >;
  const planned: PlannedFault[] = [];
  let atMs = everyMs / 2;
  while (atMs < stormMs) {
    const kind = random.weighted(allowed);
    const fault = makeFault(random, kind, options);
    planned.push({ atMs: Math.round(atMs), fault: atOneServer(random, fault, options) });
    atMs += everyMs * (0.5 + random.next());
  }
  return planned;
}

function makeFault(random: Random, kind: PlannedKind, options: FaultPlanOptions): Fault {
  const { nodes } = options;
  switch (kind) {
    case "kill":
      return { kind, target: anyTarget(random, options), lastsMs: random.int(200, 4_000) };
    case "freeze": {
      const target = anyTarget(random, options);
      // A frozen engine is a zombie only when it outlives its lease; a frozen log just makes everybody wait.
      const zombie = zombieMs(random, target, { engine: 0.5, worker: 0.3 });
      return { kind, target, lastsMs: zombie ?? random.int(500, 8_000) };
    }
    case "fail-point": {
      const target = random.chance(0.5) ? engine(random, nodes) : random.pick(mergeWorkers);
      const action = random.chance(0.75) ? "kill" : "freeze";
      const chances = { engine: 0.6, worker: 0.5 };
      const zombie = action === "freeze" ? zombieMs(random, target, chances) : undefined;
      const lastsMs = zombie ?? random.int(200, 6_000);
      const point = random.pick(failPointsOf(isMergeWorker(target) ? "merge-worker" : "engine"));
      return { kind, target, point, calls: random.int(1, 8), action, lastsMs };
    }
    case "delay": {
      const delayMs = random.pick([20, 100, 400, 1_500]);
      return { kind, link: anyLink(random, nodes), delayMs, lastsMs: random.int(2_000, 10_000) };
    }
    case "reset":
      return { kind, link: anyLink(random, nodes), lastsMs: 0 };
    case "cancel-merge":
      return { kind, nth: random.int(0, 99), lastsMs: 0 };
    case "generation":
      return { kind, nth: random.int(0, 99), lastsMs: 0 };
    case "partition": {
      const direction = random.pick(["both", "both", "to-server", "from-server"] as const);
      const link = anyLink(random, nodes);
      // A worker that Temporal does not hear from goes on beside the one that repeats its attempt.
      const silent = isMergeWorker(link.from) && link.to === "temporal" && random.chance(0.5);
      const long = random.chance(0.3) ? pastLeaseMs : random.int(1_000, 9_000);
      return { kind, link, direction, lastsMs: silent ? pastHeartbeatMs : long };
    }
    case "sleep":
      return { kind, target: engine(random, nodes), lastsMs: pastLeaseMs };
    case "clock-step": {
      const by = random.pick(["forward", "back"] as const);
      return { kind, target: "nats", by, lastsMs: by === "forward" ? 0 : 2 * pastLeaseMs };
    }
    case "disk-full":
      return { kind, target: "nats", lastsMs: random.int(2_000, 5_000) };
    case "step-down":
      return { kind, target: "nats", nth: random.int(0, 99), lastsMs: 0 };
    case "lose-disk": {
      const target = `weaviate-${random.int(1, 3)}` as const;
      return { kind, target, lastsMs: random.int(200, 4_000) };
    }
  }
}

/** On a cluster most troubles are those of one server; sometimes all end at once. */
function atOneServer(
  random: Random,
  fault: Fault,
  { natsServers, weaviates }: Pick<FaultPlanOptions, "natsServers" | "weaviates">,
): Fault {
  if (fault.kind !== "kill" && fault.kind !== "freeze") return fault;
  if (fault.target === "nats") {
    if (natsServers === 1 || random.chance(0.15)) return fault;
    return { ...fault, target: `nats-${random.int(1, natsServers)}` };
  }
  if (fault.target !== "weaviate" || weaviates === 1 || random.chance(0.15)) return fault;
  // Now and then so long that the others have given it up.
  const lastsMs = fault.lastsMs + (random.chance(0.5) ? pastGossipMs : 0);
  return { ...fault, target: `weaviate-${random.int(1, weaviates)}`, lastsMs };
}

function engine(random: Random, nodes: number): `engine-${number}` {
  return `engine-${random.int(1, nodes)}`;
}

function anyTarget(
  random: Random,
  { nodes, weaviates }: Pick<FaultPlanOptions, "nodes" | "weaviates">,
): Target {
  const target = random.weighted({
    engine: 4,
    nats: 2,
    temporal: 1,
    weaviate: weaviates === 1 ? 1.5 : 4,
    worker: 3,
  });
  if (target === "worker") return random.pick(mergeWorkers);
  return target === "engine" ? engine(random, nodes) : target;
}

function anyLink(random: Random, nodes: number): Link {
  const from = random.chance(0.65) ? engine(random, nodes) : random.pick(mergeWorkers);
  return { from, to: random.pick(["nats", "nats", "weaviate", "temporal"] as const) };
}

/** So long that another process takes over what the frozen one is at; undefined = it wakes up in time. */
function zombieMs(
  random: Random,
  target: Target,
  chances: { readonly engine: number; readonly worker: number },
): number | undefined {
  if (target.startsWith("engine")) return random.chance(chances.engine) ? pastLeaseMs : undefined;
  if (isMergeWorker(target)) return random.chance(chances.worker) ? pastHeartbeatMs : undefined;
  return undefined;
}

/** One line for progress and reports. */
export function describeFault(fault: Fault): string {
  const lasts = fault.lastsMs === 0 ? "" : ` for ${(fault.lastsMs / 1000).toFixed(1)} s`;
  switch (fault.kind) {
    case "kill":
    case "freeze":
    case "disk-full":
    case "lose-records":
    case "lose-disk":
    case "sleep":
      return `${fault.kind} ${fault.target}${lasts}`;
    case "clock-step":
      return `${fault.kind} ${fault.target} ${fault.by}${lasts}`;
    case "fail-point":
      return `${fault.action} ${fault.target} at ${fault.point} (call ${fault.calls})${lasts}`;
    case "delay":
      return `delay ${fault.link.from} > ${fault.link.to} by ${fault.delayMs} ms${lasts}`;
    case "step-down":
      return `step down the leader of stream ${fault.nth}`;
    case "cancel-merge":
      return `cancel what merges of tenant ${fault.nth} have in work`;
    case "generation":
      return `take generations a step further (${fault.nth})`;
    case "reset":
      return `reset ${fault.link.from} > ${fault.link.to}`;
    case "partition":
      return `partition ${fault.link.from} > ${fault.link.to} (${fault.direction})${lasts}`;
  }
}

/**
 * Three Weaviates on loopback that make one cluster: what `ops/start --weaviate 3`, the chaos run
 * and the tests of the cold shard run on. Each tenant's shard is on one of them; two of three keep
 * the schema going.
 */
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { clusterFolder, refuseOtherForm, startMembers } from "./cluster-form.ts";
import { type ServerContext, startOnPorts } from "./context.ts";
import { freePort } from "./ports.ts";
import { keepRunning, type RestartOptions } from "./restarting.ts";
import { logPath, type RunningServer } from "./supervise.ts";
import {
  addressOf,
  nodeSettings,
  startWeaviateAt,
  type WeaviateAddress,
  type WeaviatePorts,
  type WeaviateProcess,
} from "./weaviate.ts";

export const weaviatesInCluster = 3;

/** Of one member: small corpora take a tenth of it, and three of them leave room for the others. */
const memberMemoryBytes = 2 * 1024 ** 3;

/** What the members have in common, and where each listens. */
export interface WeaviatePlan
  extends Pick<WeaviateProcess, "program" | "env" | "secure" | "apiKey" | "clusterPassword"> {
  /** Of the cluster: each member has a folder of its name in it. */
  readonly directory: string;
  readonly logFile: (name: string) => string;
  readonly ports: readonly WeaviatePorts[];
}

const memberName = (index: number): string => `weaviate-${index + 1}`;

/** One that starts after the first waits so long for another to listen before it begins alone. */
const patienceMs = 10_000;
const lookEveryMs = 50;

/**
 * Starts a member, the first time or again.
 * @throws ServerStartError also when a majority does not run
 */
export async function startWeaviateMember(
  plan: WeaviatePlan,
  index: number,
): Promise<RunningServer> {
  const { directory, logFile, ports } = plan;
  const own = ports[index];
  if (own === undefined) throw new RangeError(`weaviate ${index} has no ports; this is a bug`);
  const others = ports.filter((one) => one !== own).map(({ gossipPort }) => gossipPort);
  const name = memberName(index);
  return startWeaviateAt({
    ...plan,
    ...{ name, ports: own, dataPath: join(directory, name), logFile: logFile(name) },
    member: {
      name,
      // Joining nobody who is there ends the process; being joined by nobody leaves it alone.
      joins: await listening(others, index * patienceMs),
      raftPeers: ports.map(({ raftPort }, at) => `${memberName(at)}:${raftPort}`),
      memoryBytes: memberMemoryBytes,
    },
  });
}

export function addressOfCluster(plan: WeaviatePlan): WeaviateAddress {
  const addresses = plan.ports.map((ports) => addressOf({ ...plan, ports }));
  return {
    ...addressOf({ ...plan, ports: plan.ports[0] as WeaviatePorts }),
    url: addresses.map(({ url }) => url).join(","),
    grpc: addresses.map(({ grpc }) => grpc).join(","),
  };
}

/** Gossip addresses that answer now, or as soon as one does. */
async function listening(ports: readonly number[], waitMs: number): Promise<readonly string[]> {
  const deadlineMs = performance.now() + waitMs;
  for (;;) {
    const answers = await Promise.all(ports.map((port) => answersAt(port)));
    const found = ports.filter((_, at) => answers[at] === true);
    if (found.length > 0 || performance.now() >= deadlineMs) {
      return found.map((port) => `127.0.0.1:${port}`);
    }
    await sleep(lookEveryMs);
  }
}

function answersAt(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** For tests and the chaos run, which restart their servers on the ports that they had. */
export async function freeWeaviatePorts(free = freePort): Promise<readonly WeaviatePorts[]> {
  // A port that was free is given back at once: the one above a raft port may be drawn again.
  const taken = new Set<number>();
  const draw = async (withNext = false): Promise<number> => {
    for (;;) {
      const port = await free({ withNext });
      const drawn = withNext ? [port, port + 1] : [port];
      if (drawn.some((one) => taken.has(one))) continue;
      for (const one of drawn) taken.add(one);
      return port;
    }
  };
  const ports: WeaviatePorts[] = [];
  while (ports.length < weaviatesInCluster) {
    const raftPort = await draw(true);
    ports.push({
      ...{ port: await draw(), grpcPort: await draw() },
      ...{ gossipPort: await draw(), dataPort: await draw() },
      ...{ raftPort, raftRpcPort: raftPort + 1 },
    });
  }
  return ports;
}

const kinds = ["rest", "grpc", "gossip", "data", "raft"] as const;
type PortKind = (typeof kinds)[number];
const portName = (index: number, kind: PortKind): string => `${memberName(index)}-${kind}`;

/** A cold shard of one server is not that of three, and the other way round. */
export function refuseOtherCold(dataDir: string, servers: 1 | typeof weaviatesInCluster): void {
  refuseOtherForm(dataDir, {
    ...{ servers, size: weaviatesInCluster, folder: "weaviate", option: "--weaviate" },
    ...{ what: "the cold shard", program: "Weaviate" },
  });
}

/**
 * Starts the three, each of which is started again when it ends by itself.
 * @throws ServerStartError when one of them does not start; then none is left
 */
export async function startWeaviateCluster(
  context: ServerContext,
  program: string,
  restarts: Pick<RestartOptions, "onEnd" | "onStart">,
): Promise<{ readonly servers: readonly RunningServer[]; readonly address: WeaviateAddress }> {
  const { dataDir } = context;
  const indexes = Array.from({ length: weaviatesInCluster }, (_, index) => index);
  const requests = indexes.flatMap((index) =>
    kinds.map((kind) => {
      const name = portName(index, kind);
      const variable = `FRESHET_${name.toUpperCase().replaceAll("-", "_")}_PORT`;
      return { name, variable, withNext: kind === "raft" };
    }),
  );
  return startOnPorts(context, requests, async (portOf) => {
    const ports = indexes.map((index): WeaviatePorts => {
      const at = (kind: PortKind): number => portOf(portName(index, kind));
      return {
        ...{ port: at("rest"), grpcPort: at("grpc"), gossipPort: at("gossip") },
        ...{ dataPort: at("data"), raftPort: at("raft"), raftRpcPort: at("raft") + 1 },
      };
    });
    const plan: WeaviatePlan = {
      ...{ ...nodeSettings(context), program, ports },
      directory: join(dataDir, clusterFolder("weaviate")),
      logFile: (name) => logPath(dataDir, name),
    };
    const started = await startMembers(ports.map((_, index) => startWeaviateMember(plan, index)));
    const servers = started.map((first, index) =>
      keepRunning(first, { ...restarts, start: () => startWeaviateMember(plan, index) }),
    );
    return { servers, address: addressOfCluster(plan) };
  });
}

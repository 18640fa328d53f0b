/**
 * Three nats-servers on loopback that make one JetStream cluster: what `ops/start --nats 3`, the
 * chaos run and the tests of the log run on. Two of three keep the log going.
 */
import { join } from "node:path";
import { clusterFolder, refuseOtherForm, startMembers } from "./cluster-form.ts";
import { plainEnvironment, type ServerContext, startOnPorts } from "./context.ts";
import { monitorUrl, type NatsAddress, type NatsProcess, natsUrl, startNatsAt } from "./nats.ts";
import { freePort } from "./ports.ts";
import { keepRunning, type RestartOptions } from "./restarting.ts";
import { logPath, type RunningServer } from "./supervise.ts";

export const clusterSize = 3;

/**
 * Servers reserve what streams may hold, three times on one disk. Without this they would count the
 * free bytes of the disk, and refuse every later change of a stream.
 */
export const roomyBytes = 1024 ** 4;

export interface MemberPorts {
  readonly client: number;
  readonly monitor: number;
  readonly cluster: number;
}

/** What the members have in common, and where each listens. */
export interface ClusterPlan
  extends Pick<NatsProcess, "program" | "env" | "secure" | "storeBytesMax"> {
  /** Of the cluster: each member has a folder of its name in it. */
  readonly directory: string;
  /** Of their names: `nats` makes `nats-1` and so on. */
  readonly prefix: string;
  readonly logFile: (name: string) => string;
  readonly ports: readonly MemberPorts[];
}

/** How each member is started, for `startNatsAt`; it may be started again in the same way. Pure. */
export function clusterMembers(
  plan: ClusterPlan,
): readonly (NatsProcess & { readonly name: string })[] {
  const { program, env, secure, storeBytesMax = roomyBytes, ports } = plan;
  return ports.map((own, index) => {
    const name = `${plan.prefix}-${index + 1}`;
    const others = ports.filter((one) => one !== own).map(({ cluster }) => cluster);
    return {
      ...{ name, program, env, secure, storeBytesMax },
      directory: join(plan.directory, name),
      logFile: plan.logFile(name),
      port: own.client,
      monitorPort: own.monitor,
      cluster: { name, port: own.cluster, others },
    };
  });
}

/** For tests and the chaos run, which restart their servers on the ports that they had. */
export async function freeClusterPorts(): Promise<readonly MemberPorts[]> {
  const ports: MemberPorts[] = [];
  while (ports.length < clusterSize) {
    ports.push({ client: await freePort(), monitor: await freePort(), cluster: await freePort() });
  }
  return ports;
}

const kinds = ["client", "monitor", "cluster"] as const;
const portName = (index: number, kind: (typeof kinds)[number]) => `nats-${index + 1}-${kind}`;

/** A log of one server has no copies that three could share, and the other way round. */
export function refuseOtherLog(dataDir: string, servers: 1 | typeof clusterSize): void {
  refuseOtherForm(dataDir, {
    ...{ servers, size: clusterSize, folder: "nats", option: "--nats" },
    ...{ what: "the log", program: "nats-server" },
  });
}

/**
 * Starts the three, each of which is started again when it ends by itself.
 * @throws ServerStartError when one of them does not start; then none is left
 */
export async function startNatsCluster(
  context: ServerContext,
  program: string,
  restarts: Pick<RestartOptions, "onEnd" | "onStart">,
): Promise<{ readonly servers: readonly RunningServer[]; readonly address: NatsAddress }> {
  const { dataDir, secure } = context;
  const indexes = Array.from({ length: clusterSize }, (_, index) => index);
  const requests = indexes.flatMap((index) =>
    kinds.map((kind) => {
      const name = portName(index, kind);
      return { name, variable: `FRESHET_${name.toUpperCase().replaceAll("-", "_")}_PORT` };
    }),
  );
  return startOnPorts(context, requests, async (portOf) => {
    const at = (index: number, kind: (typeof kinds)[number]) => portOf(portName(index, kind));
    const ports = indexes.map((index) => ({
      client: at(index, "client"),
      monitor: at(index, "monitor"),
      cluster: at(index, "cluster"),
    }));
    const members = clusterMembers({
      ...{ program, secure, ports },
      directory: join(dataDir, clusterFolder("nats")),
      prefix: "nats",
      logFile: (name) => logPath(dataDir, name),
      env: plainEnvironment(context.env),
    });
    const started = await startMembers(members.map((member) => startNatsAt(member)));
    const servers = started.map((first, index) => {
      const member = members[index];
      if (member === undefined) throw new RangeError("more servers than members; this is a bug");
      return keepRunning(first, { ...restarts, start: () => startNatsAt(member) });
    });
    const address: NatsAddress = {
      url: ports.map(({ client }) => natsUrl(client, secure)).join(","),
      monitorUrl: monitorUrl(at(0, "monitor"), secure),
      replicas: clusterSize,
    };
    return { servers, address };
  });
}

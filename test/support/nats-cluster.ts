/** Three nats-servers on loopback that make one JetStream cluster of a test's own: to kill, freeze and start again. */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { plainEnvironment } from "../../ops/servers/context.ts";
import { startNatsAt } from "../../ops/servers/nats.ts";
import { clusterMembers, freeClusterPorts } from "../../ops/servers/nats-cluster.ts";
import { onFreePorts, startedAll } from "./cluster-ports.ts";
import { natsProgram } from "./private-nats.ts";
import { Server } from "./server.ts";

export interface ClusterServer {
  readonly name: string;
  /** Stays the same over restarts. */
  readonly url: string;
  /** Resolves when JetStream answers, which takes two servers of three. */
  start(): Promise<void>;
  /** kill -9: nothing is flushed or closed. */
  kill(): Promise<void>;
  /** SIGSTOP: it keeps its connections and says nothing. */
  freeze(): void;
  thaw(): void;
}

export interface NatsCluster {
  readonly servers: readonly ClusterServer[];
  /** All of them, with commas between. */
  readonly url: string;
  server(name: string): ClusterServer;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startNatsCluster(
  settings: { readonly storeBytesMax?: number | undefined } = {},
): Promise<NatsCluster> {
  const directory = mkdtempSync(join(tmpdir(), "freshet-nats-cluster-"));
  const program = await natsProgram();
  const servers = await onFreePorts(freeClusterPorts, async (ports) => {
    // What an earlier attempt wrote names its ports.
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory);
    const members = clusterMembers({
      ...{ program, directory, ports, ...settings },
      prefix: "server",
      logFile: (name) => join(directory, `${name}.log`),
      env: plainEnvironment(process.env),
    });
    const made = members.map((member) => new Member(member.name, member));
    await startedAll(made);
    return made;
  });
  return {
    servers,
    url: servers.map(({ url }) => url).join(","),
    server(name) {
      const found = servers.find((server) => server.name === name);
      if (found === undefined) throw new RangeError(`no server ${name} in this cluster`);
      return found;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server.kill()));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

class Member extends Server implements ClusterServer {
  readonly name: string;
  readonly url: string;

  constructor(name: string, options: Parameters<typeof startNatsAt>[0]) {
    super(() => startNatsAt(options));
    this.name = name;
    this.url = `nats://127.0.0.1:${options.port}`;
  }
}

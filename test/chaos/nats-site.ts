/** The nats-servers of a chaos run: one, or three that make a cluster. Their ports stay the same over restarts. */

import { join } from "node:path";
import { plainEnvironment } from "../../ops/servers/context.ts";
import { startNatsAt } from "../../ops/servers/nats.ts";
import { freePort } from "../../ops/servers/ports.ts";
import { logPath, type RunningServer } from "../../ops/servers/supervise.ts";
import { roomyBytes } from "../support/nats-cluster.ts";
import type { NatsServer } from "./faults.ts";
import { Server, ServerGroup } from "./server.ts";

export interface NatsSiteOptions {
  readonly servers: 1 | 3;
  readonly program: string;
  /** Of the run, for logs. */
  readonly directory: string;
  readonly storeDir: string;
}

interface Ports {
  readonly client: number;
  readonly monitor: number;
  readonly cluster: number;
}

export class NatsSite {
  readonly #options: NatsSiteOptions;
  readonly #members = new Map<NatsServer, Server>();
  readonly all: ServerGroup;
  #ports: readonly Ports[] = [];

  constructor(options: NatsSiteOptions) {
    this.#options = options;
    for (let at = 0; at < options.servers; at += 1) {
      this.#members.set(`nats-${at + 1}`, new Server(() => this.#start(at)));
    }
    this.all = new ServerGroup([...this.#members.values()]);
  }

  /** Of a cluster; a single server is only ever meant as all of them. */
  get names(): readonly NatsServer[] {
    return this.#options.servers === 1 ? [] : [...this.#members.keys()];
  }

  get clientPorts(): readonly number[] {
    return this.#ports.map(({ client }) => client);
  }

  server(name: NatsServer): Server | undefined {
    return this.#members.get(name);
  }

  async start(): Promise<void> {
    const ports: Ports[] = [];
    for (let at = 0; at < this.#options.servers; at += 1) {
      ports.push({
        client: await freePort(),
        monitor: await freePort(),
        cluster: await freePort(),
      });
    }
    this.#ports = ports;
    await this.all.start();
  }

  #start(at: number): Promise<RunningServer> {
    const { servers, program, directory, storeDir } = this.#options;
    const own = this.#ports[at];
    if (own === undefined) throw new RangeError(`nats-server ${at} has no ports; this is a bug`);
    const shared = {
      program,
      env: plainEnvironment(process.env),
      port: own.client,
      monitorPort: own.monitor,
    };
    if (servers === 1) {
      return startNatsAt({ ...shared, directory: storeDir, logFile: logPath(directory, "nats") });
    }
    const name = `nats-${at + 1}`;
    const others = this.#ports.filter((one) => one !== own).map(({ cluster }) => cluster);
    return startNatsAt({
      ...shared,
      directory: join(storeDir, name),
      logFile: logPath(directory, name),
      cluster: { name, port: own.cluster, others },
      storeBytesMax: roomyBytes,
    });
  }
}

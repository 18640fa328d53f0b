/** The nats-servers of a chaos run: one, or three that make a cluster. Their ports stay the same over restarts. */

import { plainEnvironment } from "../../ops/servers/context.ts";
import { type NatsProcess, startNatsAt } from "../../ops/servers/nats.ts";
import {
  clusterMembers,
  freeClusterPorts,
  type MemberPorts,
  roomyBytes,
} from "../../ops/servers/nats-cluster.ts";
import { logPath, type RunningServer } from "../../ops/servers/supervise.ts";
import { Server } from "../support/server.ts";
import type { NatsServer } from "./faults.ts";
import { ServerGroup } from "./server.ts";

export interface NatsSiteOptions {
  readonly servers: 1 | 3;
  readonly program: string;
  /** Of the run, for logs. */
  readonly directory: string;
  readonly storeDir: string;
}

export class NatsSite {
  readonly #options: NatsSiteOptions;
  readonly #members = new Map<NatsServer, Server>();
  readonly all: ServerGroup;
  #ports: readonly MemberPorts[] = [];

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
    this.#ports = (await freeClusterPorts()).slice(0, this.#options.servers);
    await this.all.start();
  }

  #start(at: number): Promise<RunningServer> {
    const { servers, program, directory, storeDir } = this.#options;
    const shared = { program, env: plainEnvironment(process.env) };
    const logFile = (name: string) => logPath(directory, name);
    const [own] = this.#ports;
    if (servers === 1 && own !== undefined) {
      const ports = { port: own.client, monitorPort: own.monitor };
      const where = { ...ports, storeBytesMax: roomyBytes };
      return startNatsAt({ ...shared, ...where, directory: storeDir, logFile: logFile("nats") });
    }
    const plan = { ...shared, directory: storeDir, prefix: "nats", logFile, ports: this.#ports };
    const member: NatsProcess | undefined = clusterMembers(plan)[at];
    if (member === undefined) throw new RangeError(`nats-server ${at} has no ports; this is a bug`);
    return startNatsAt(member);
  }
}

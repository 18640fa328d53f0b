/** The Weaviates of a chaos run: one, or three that make a cluster. */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { plainEnvironment } from "../../ops/servers/context.ts";
import { logPath, type RunningServer } from "../../ops/servers/supervise.ts";
import { startWeaviate, type WeaviatePorts } from "../../ops/servers/weaviate.ts";
import {
  freeWeaviatePorts,
  startWeaviateMember,
  type WeaviatePlan,
} from "../../ops/servers/weaviate-cluster.ts";
import { Server } from "../support/server.ts";
import type { WeaviateNode } from "./faults.ts";
import { ServerGroup } from "./server.ts";

export interface WeaviateSiteOptions {
  readonly servers: 1 | 3;
  readonly program: string;
  /** Of the run, for data and logs. */
  readonly directory: string;
  readonly apiKey: string;
  /** One that is alone may listen elsewhere when it is started again. */
  readonly onStart: () => void;
}

export class WeaviateSite {
  readonly #options: WeaviateSiteOptions;
  readonly #members = new Map<WeaviateNode, Server>();
  readonly all: ServerGroup;
  /** Of one that is alone, by name. */
  readonly #alone: Record<string, number> = {};
  #ports: readonly WeaviatePorts[] = [];

  constructor(options: WeaviateSiteOptions) {
    this.#options = options;
    for (let at = 0; at < options.servers; at += 1) {
      this.#members.set(`weaviate-${at + 1}`, new Server(() => this.#start(at)));
    }
    this.all = new ServerGroup([...this.#members.values()]);
  }

  /** Where each listens now. */
  get ports(): readonly Pick<WeaviatePorts, "port" | "grpcPort">[] {
    if (this.#options.servers > 1) return this.#ports;
    const { weaviate: port = 0, weaviateGrpc: grpcPort = 0 } = this.#alone;
    return [{ port, grpcPort }];
  }

  server(name: WeaviateNode): Server | undefined {
    return this.#options.servers === 1 ? undefined : this.#members.get(name);
  }

  /** What it stored is gone; of a member that does not run. */
  loseDisk(name: WeaviateNode): void {
    rmSync(join(this.#directory, name), { recursive: true, force: true });
  }

  async start(): Promise<void> {
    if (this.#options.servers > 1) this.#ports = await freeWeaviatePorts();
    await this.all.start();
  }

  get #directory(): string {
    return join(this.#options.directory, "weaviate");
  }

  async #start(at: number): Promise<RunningServer> {
    const { servers, program, directory, apiKey, onStart } = this.#options;
    const env = plainEnvironment(process.env);
    if (servers === 1) {
      const own = { ...env, FRESHET_WEAVIATE_API_KEY: apiKey };
      const context = { dataDir: directory, env: own, ports: this.#alone };
      const { server } = await startWeaviate(context, program);
      onStart();
      return server;
    }
    const plan: WeaviatePlan = {
      ...{ program, env, apiKey, clusterPassword: apiKey, ports: this.#ports },
      directory: this.#directory,
      logFile: (name) => logPath(directory, name),
    };
    return startWeaviateMember(plan, at);
  }
}

/**
 * Everything that a chaos run runs: the three servers, the engines, the merge worker, and a proxy between each of these
 * and each server.
 *
 * Owns: all processes, proxies and files of the run. Never: decides what is to fail.
 *
 *   XS1  the harness itself reaches nats-server without a proxy that faults happen to: what it reads is the truth;
 *   XS2  a server that is started again keeps its data; where it listens may change, and the proxies follow.
 */

import { execFileSync } from "node:child_process";
import { mkdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { plainEnvironment } from "../../ops/servers/context.ts";
import { choosePorts } from "../../ops/servers/ports.ts";
import { logPath, type RunningServer } from "../../ops/servers/supervise.ts";
import { startTemporal } from "../../ops/servers/temporal.ts";
import type { Tools } from "../../ops/setup/ensure-tools.ts";
import { inheritedEnvironment } from "../support/environment.ts";
import { type Process, Server } from "../support/server.ts";
import {
  isMergeWorker,
  type Link,
  mergeWorkers,
  type NatsServer,
  type Target,
  type WeaviateNode,
} from "./faults.ts";
import { NatsSite } from "./nats-site.ts";
import { NodeProcess, type NodeSpec } from "./node-process.ts";
import { type Proxy, startProxy } from "./proxy.ts";
import type { ServerGroup } from "./server.ts";
import { WeaviateSite } from "./weaviate-site.ts";

export interface SiteOptions {
  readonly directory: string;
  readonly tools: Tools;
  readonly nodes: number;
  /** Three make a cluster, with three copies of each stream. */
  readonly natsServers: 1 | 3;
  /** Three make a cluster, with one copy of each tenant; one by default. */
  readonly weaviates?: 1 | 3 | undefined;
  /** Two by default. */
  readonly workers?: 1 | 2 | undefined;
  readonly repository?: string | undefined;
  /** Settings of its processes that differ from those below. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** A Freshet process ended by itself; it is started again a second later, as any supervisor would. */
  readonly onNodeEnd: (
    target: Target,
    end: { readonly started: boolean; readonly code: number | null },
  ) => void;
}

type ServerName = "nats" | "temporal" | "weaviate";

/** Of the log; memory is taken as it is written. A smaller one gives CHUNKS too little for half an hour. */
const fillAttemptsMax = 50;
const storeBytes = 8 * 1024 * 1024 * 1024;
const stopMs = 20_000;
/** Short, or hot would keep all that is merged in a storm, and nothing would be asked of cold alone. */
export const confirmMs = 3_000;
const respawnMs = 1_000;
const respawnsMax = 20;

export class ChaosSite {
  readonly #options: SiteOptions;
  readonly #nats: NatsSite;
  readonly #weaviates: WeaviateSite;
  readonly #servers: Readonly<Record<ServerName, Server | ServerGroup>>;
  readonly #nodes = new Map<Target, NodeProcess>();
  readonly #links = new Map<string, readonly Proxy[]>();
  readonly #doors = new Map<
    ServerName,
    Set<{ readonly proxy: Proxy; readonly port: () => number }>
  >();
  readonly #ports = { http: new Map<Target, number>() };
  readonly #serverPorts: Record<string, number> = {};
  readonly #apiKey = "chaos";
  #stopping = false;
  readonly #storeDir: string;
  /** False where the system lets nobody mount: then no disk fills up. */
  readonly canFillDisk: boolean;

  constructor(options: SiteOptions) {
    this.#options = options;
    this.#storeDir = join(options.directory, "nats");
    mkdirSync(this.#storeDir, { recursive: true });
    mkdirSync(join(options.directory, "logs"), { recursive: true });
    this.canFillDisk = mountSmallDisk(this.#storeDir);
    const { directory, natsServers: servers, tools } = options;
    const program = present(tools.natsServer, "nats-server");
    this.#nats = new NatsSite({ servers, program, directory, storeDir: this.#storeDir });
    this.#weaviates = new WeaviateSite({
      ...{ directory, servers: options.weaviates ?? 1, apiKey: this.#apiKey },
      program: present(tools.weaviate, "weaviate"),
      onStart: () => this.#follow("weaviate"),
    });
    this.#servers = {
      nats: this.#nats.all,
      temporal: new Server(() => this.#startTemporal()),
      weaviate: this.#weaviates.all,
    };
  }

  get natsUrl(): string {
    return this.#nats.clientPorts.map((port) => `nats://127.0.0.1:${port}`).join(",");
  }

  get weaviate(): { readonly url: string; readonly grpc: string; readonly apiKey: string } {
    const { ports } = this.#weaviates;
    return {
      url: ports.map(({ port }) => `http://127.0.0.1:${port}`).join(","),
      grpc: ports.map(({ grpcPort }) => `127.0.0.1:${grpcPort}`).join(","),
      apiKey: this.#apiKey,
    };
  }

  get temporalAddress(): string {
    return `127.0.0.1:${this.#serverPorts["temporal"]}`;
  }

  /** Of an operator's commands, which take the ways that no fault happens to (XS1). */
  get operatorEnv(): Readonly<Record<string, string>> {
    return {
      ...inheritedEnvironment(),
      FRESHET_NATS_URL: this.natsUrl,
      FRESHET_TEMPORAL_ADDRESS: this.temporalAddress,
    };
  }

  get engines(): readonly Target[] {
    return [...this.#nodes.keys()].filter((target) => target.startsWith("engine"));
  }

  httpUrl(target: Target): string {
    return `http://127.0.0.1:${this.#ports.http.get(target)}`;
  }

  /** Of all engines, whether they run or not. */
  get httpUrls(): readonly string[] {
    return this.engines.map((engine) => this.httpUrl(engine));
  }

  async start(): Promise<void> {
    const { temporal } = this.#servers;
    await Promise.all([this.#nats.start(), temporal.start(), this.#weaviates.start()]);
    const engines = Array.from(
      { length: this.#options.nodes },
      (_, at) => `engine-${at + 1}` as const,
    );
    const workers = mergeWorkers.slice(0, this.#options.workers ?? mergeWorkers.length);
    const targets: readonly Target[] = [...engines, ...workers];
    for (const target of targets) await this.#openDoors(target);
    // Behind the proxies, which would else be given a port that was free a moment ago.
    const requests = targets.map((name) => ({ name, variable: name }));
    const ports = await choosePorts(requests, {}, {});
    for (const target of targets) this.#addNode(target, ports[target]?.port ?? 0);
    await Promise.all([...this.#nodes.values()].map((node) => node.start()));
    await this.#untilAllRun();
  }

  /** Whoever was quicker at a port is gone when the process is started again. */
  async #untilAllRun(): Promise<void> {
    for (const [target, node] of this.#nodes) {
      for (let respawns = 0; !node.isAlive; respawns += 1) {
        if (respawns === respawnsMax)
          throw new Error(`${target} does not start: see ${this.#options.directory}/logs`);
        await sleep(respawnMs);
        await node.start();
      }
    }
  }

  process(target: Target): Process {
    const member =
      this.#nats.server(target as NatsServer) ?? this.#weaviates.server(target as WeaviateNode);
    return this.#nodes.get(target) ?? member ?? this.#servers[target as ServerName];
  }

  node(target: Target): NodeProcess | undefined {
    return this.#nodes.get(target);
  }

  get targets(): readonly Target[] {
    return [...(Object.keys(this.#servers) as ServerName[]), ...this.#nodes.keys()];
  }

  loseDisk(target: WeaviateNode): void {
    this.#weaviates.loseDisk(target);
  }

  /** A Weaviate has two: HTTP and gRPC. A cluster has those of each server. */
  proxies({ from, to }: Link): readonly Proxy[] {
    return this.#links.get(`${from}>${to}`) ?? [];
  }

  allProxies(): Iterable<Proxy> {
    return [...this.#links.values()].flat();
  }

  /**
   * Leaves no byte on the log's disk: it is made as small as what is on it. Servers write between the look and the
   * change, and a disk cannot be made smaller than what is on it: then it is looked at again.
   */
  fillDisk(): void {
    for (let attempt = 1; ; attempt += 1) {
      const { blocks, bfree, bsize } = statfsSync(this.#storeDir);
      try {
        return this.#resizeDisk((blocks - bfree) * bsize);
      } catch (thrown) {
        if (attempt === fillAttemptsMax) throw thrown;
      }
    }
  }

  freeDisk(): void {
    this.#resizeDisk(storeBytes);
  }

  #resizeDisk(bytes: number): void {
    execFileSync("mount", ["-o", `remount,size=${bytes}`, this.#storeDir], { stdio: "ignore" });
  }

  /** Ends everything and removes what it wrote, but for the logs. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const proxy of this.allProxies()) proxy.heal();
    await Promise.all([...this.#nodes.values()].map((node) => node.stop(stopMs)));
    for (const name of ["weaviate", "temporal", "nats"] as const) await this.#servers[name].stop();
    for (const proxy of this.allProxies()) await proxy.close();
    if (this.canFillDisk) execFileSync("umount", [this.#storeDir]);
  }

  /** For an end that can not wait. */
  killAll(): void {
    this.#stopping = true;
    for (const node of this.#nodes.values()) void node.kill();
    for (const server of Object.values(this.#servers)) void server.kill();
    if (this.canFillDisk) execFileSync("umount", ["--lazy", this.#storeDir]);
  }

  // --- servers -------------------------------------------------------------------------------

  async #startTemporal(): Promise<RunningServer> {
    const program = present(this.#options.tools.temporal, "temporal");
    const env = plainEnvironment(process.env);
    const context = { dataDir: this.#options.directory, env, ports: this.#serverPorts };
    const { server } = await startTemporal(context, program);
    this.#follow("temporal");
    return server;
  }

  /** XS2. */
  #follow(server: ServerName): void {
    for (const { proxy, port } of this.#doors.get(server) ?? []) proxy.retarget(port());
  }

  // --- Freshet processes ---------------------------------------------------------------------

  async #openDoors(target: Target): Promise<void> {
    const nats: Proxy[] = [];
    for (const port of this.#nats.clientPorts) nats.push(await this.#door("nats", () => port));
    const weaviate: Proxy[] = [];
    for (const [at] of this.#weaviates.ports.entries()) {
      const own = () => this.#weaviates.ports[at];
      weaviate.push(await this.#door("weaviate", () => own()?.port ?? 0));
      weaviate.push(await this.#door("weaviate", () => own()?.grpcPort ?? 0));
    }
    const temporal = await this.#door("temporal", () => this.#serverPorts["temporal"] ?? 0);
    this.#links.set(`${target}>nats`, nats);
    this.#links.set(`${target}>weaviate`, weaviate);
    this.#links.set(`${target}>temporal`, [temporal]);
  }

  #addNode(target: Target, httpPort: number): void {
    const { directory, repository, env: settings } = this.#options;
    const portTo = (to: ServerName): readonly number[] =>
      this.proxies({ from: target, to }).map(({ port }) => port);
    const weaviate = portTo("weaviate").filter((_, at) => at % 2 === 0);
    const grpc = portTo("weaviate").filter((_, at) => at % 2 === 1);
    const [temporal] = portTo("temporal");
    this.#ports.http.set(target, httpPort);
    const env = {
      ...inheritedEnvironment(),
      FRESHET_NODE: target,
      FRESHET_NATS_URL: portTo("nats")
        .map((port) => `nats://127.0.0.1:${port}`)
        .join(","),
      FRESHET_STREAM_REPLICAS: String(this.#options.natsServers),
      FRESHET_WEAVIATE_URL: weaviate.map((port) => `http://127.0.0.1:${port}`).join(","),
      FRESHET_WEAVIATE_GRPC: grpc.map((port) => `127.0.0.1:${port}`).join(","),
      FRESHET_WEAVIATE_API_KEY: this.#apiKey,
      FRESHET_TEMPORAL_ADDRESS: `127.0.0.1:${temporal}`,
      FRESHET_HTTP_PORT: String(httpPort),
      FRESHET_DATA_DIR: directory,
      FRESHET_EMBED_THREADS: "1",
      // Merges all the time, and a grace period that questions can outlast.
      FRESHET_MERGE_SIZE_CHUNKS: "150",
      FRESHET_MERGE_AGE_MS: "20000",
      FRESHET_MERGE_GRACE_MS: "1000",
      FRESHET_MERGE_CONFIRM_MS: String(confirmMs),
      // One keeps nothing, so that cold is asked all the time; one keeps some tenants, and others not.
      FRESHET_HOT_KEPT_BYTES: target === "engine-1" ? "0" : String(4 * 2 ** 20),
      FRESHET_LOG_FORMAT: "json",
      ...settings,
    };
    const logFile = logPath(directory, target);
    const role = isMergeWorker(target) ? "merge-worker" : "engine";
    const onEnd: NodeSpec["onEnd"] = (end) => {
      this.#options.onNodeEnd(target, end);
      setTimeout(() => {
        if (!this.#stopping) void this.#nodes.get(target)?.start();
      }, respawnMs);
    };
    this.#nodes.set(target, new NodeProcess({ role, env, logFile, repository, onEnd }));
  }

  async #door(to: ServerName, port: () => number): Promise<Proxy> {
    const proxy = await startProxy(port());
    const doors = this.#doors.get(to) ?? new Set();
    this.#doors.set(to, doors.add({ proxy, port }));
    return proxy;
  }
}

function mountSmallDisk(directory: string): boolean {
  try {
    const options = ["-t", "tmpfs", "-o", `size=${storeBytes}`, "tmpfs", directory];
    execFileSync("mount", options, { stdio: "ignore" });
    return statfsSync(directory).bsize > 0;
  } catch {
    return false;
  }
}

function present<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) throw new Error(`${name} was asked for; this is a bug`);
  return value;
}

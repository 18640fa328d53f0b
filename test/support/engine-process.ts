/**
 * The real engine and the real merge worker as child processes, as `ops/start` runs them, for tests that
 * kill, stop and start them.
 *
 * Each site has a nats-server of its own: an engine serves every tenant of its log, also those that other tests
 * filled with vectors of other shapes, and a killed one leaves its leases behind for 16 s. Temporal and Weaviate are
 * those of the test run; fresh tenants keep the tests apart there.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { credsAuthenticator } from "nats";
import { freePort } from "../../ops/servers/ports.ts";
import { groupOf } from "../../ops/servers/process-group.ts";
import { logPath, type RunningServer, startServer } from "../../ops/servers/supervise.ts";
import { type ColdShard } from "../../src/cold/port.ts";
import { connectWeaviate } from "../../src/cold/weaviate.ts";
import type { DocumentEvent } from "../../src/contract/events.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import { connectNatsLog, type NatsLog } from "../../src/log/nats/log.ts";
import type { EraseClient, MergeClient } from "../../src/merges/port.ts";
import { connectTemporal } from "../../src/merges/temporal/client.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { inheritedEnvironment } from "./environment.ts";
import { type PrivateNats, startPrivateNats } from "./private-nats.ts";
import type { ServerAddresses } from "./servers.ts";
import { serversOfFile } from "./side-by-side.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const entry = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));
const readyTimeoutMs = 90_000;
const graceS = 20;
/** Short, so that a story reaches cold within seconds. */
const graceMs = 500;
/** Of all-MiniLM-L6-v2. */
const dimensions = 384;

export interface FreshetProcess {
  /** Of the engine; empty for a merge worker. */
  readonly url: string;
  readonly logFile: string;
  /** The most memory that it has had in its present life, bytes. */
  peakBytes(): number;
  /** The whole process group, as `kill -9`. */
  kill9(): Promise<void>;
  /** SIGTERM, then waits until it is gone. */
  stop(): Promise<void>;
  /** Stops the whole process group where it stands, and lets it go on. */
  pause(): void;
  resume(): void;
  /** Starts it again, on the same port and under the same name; ends it before if it still runs. */
  restart(): Promise<void>;
}

export interface Site {
  readonly nats: PrivateNats;
  /** Another client of the same log: what a publisher, an operator or a doubter sees. */
  readonly log: NatsLog;
  readonly cold: ColdShard;
  readonly merges: MergeClient & EraseClient;
  /** What a process of this site is started with. */
  readonly env: Environment;
  /** With a program other than `src/main.ts` that takes the same role, on a port of its own. */
  startEngine(env?: Environment, program?: URL, port?: number): Promise<FreshetProcess>;
  /** Resolves when it polls; with `polling: false`, because Temporal is away, as soon as it runs. */
  startMergeWorker(options?: {
    readonly env?: Environment;
    readonly polling?: boolean;
  }): Promise<FreshetProcess>;
  /** The event of the operation with this sequence, also when it has come already. */
  event(seq: number): Promise<DocumentEvent>;
  /** All events so far. */
  readonly events: readonly DocumentEvent[];
  close(): Promise<void>;
}

let tenants = 0;

/** A tenant that no other test or earlier run on the same servers uses. */
export function freshTenant(label: string): TenantId {
  tenants += 1;
  return `${label}-${process.pid.toString(36)}-${Date.now().toString(36)}-${tenants}` as TenantId;
}

/** A NATS that asks who connects. */
export interface SiteAccounts {
  /** Lines of its configuration. */
  readonly accounts: string;
  /** Of the test's own client of the log. */
  readonly credsFile: string;
}

/** Another place than that of the test run. */
export interface SitePlace {
  readonly servers: Pick<ServerAddresses, "weaviate" | "temporal">;
  /** Before anything else connects to its NATS. */
  readonly prepare: (nats: PrivateNats, env: Environment) => Promise<void>;
}

export async function openSite(
  settings: Environment = {},
  who?: SiteAccounts,
  place?: SitePlace,
): Promise<Site> {
  const nats = await startPrivateNats(
    who && { ...who, authenticator: credsAuthenticator(readFileSync(who.credsFile)) },
  );
  const shared = { clock: systemClock, logger: silentLogger };
  const servers = place?.servers ?? serversOfFile();
  const env = { ...siteEnvironment(nats, servers), ...settings };
  await place?.prepare(nats, env);
  const log = await connectNatsLog({
    ...{ ...shared, servers: nats.url, partitions: 8, name: "test" },
    credsFile: who?.credsFile,
  });
  const { weaviate, temporal } = servers;
  const { deployment } = log;
  const cold = connectWeaviate({ ...shared, ...weaviate, deployment, dimensions });
  const merges = connectTemporal({
    ...{ ...shared, ...temporal, deployment },
    ...{ graceMs, settleMs: graceMs, confirmMs: graceMs },
  });
  const { events, event } = await listen(log);
  const started: FreshetProcess[] = [];
  const remember = async (process: Promise<FreshetProcess>): Promise<FreshetProcess> => {
    started.push(await process);
    return process;
  };
  return {
    ...{ nats, log, cold, merges, env, events, event },
    startEngine: (extra, program, port) =>
      remember(startEngine(nats.directory, { ...env, ...extra }, { program, port })),
    startMergeWorker: ({ env: extra, polling = true } = {}) =>
      remember(startMergeWorker(nats.directory, { ...env, ...extra }, polling)),
    async close() {
      // At once: one that stays would else take over what the other gives up.
      await Promise.all(started.map((process) => process.stop()));
      await Promise.all([merges.close(), cold.close(), log.close()]);
      await nats[Symbol.asyncDispose]();
    },
  };
}

function siteEnvironment(nats: PrivateNats, servers: SitePlace["servers"]): Environment {
  const { temporal, weaviate } = servers;
  return {
    ...inheritedEnvironment(),
    FRESHET_NATS_URL: nats.url,
    FRESHET_TEMPORAL_ADDRESS: temporal.address,
    FRESHET_TEMPORAL_NAMESPACE: temporal.namespace,
    FRESHET_WEAVIATE_URL: weaviate.url,
    FRESHET_WEAVIATE_GRPC: weaviate.grpc,
    FRESHET_WEAVIATE_API_KEY: weaviate.apiKey,
    FRESHET_DATA_DIR: join(nats.directory, "data"),
    FRESHET_MERGE_GRACE_MS: String(graceMs),
    FRESHET_MERGE_CONFIRM_MS: String(graceMs),
    // Stories about cold see it asked; those about what is kept set this themselves.
    FRESHET_HOT_KEPT_BYTES: "0",
    FRESHET_EMBED_THREADS: "1",
    FRESHET_LOG_FORMAT: "json",
  };
}

async function listen({ connection }: NatsLog) {
  const events: DocumentEvent[] = [];
  const waiting = new Map<number, (event: DocumentEvent) => void>();
  connection.subscribe("events.*", {
    callback: (error, message) => {
      if (error !== null) return;
      const event = message.json<DocumentEvent>();
      events.push(event);
      waiting.get(event.seq)?.(event);
      waiting.delete(event.seq);
    },
  });
  await connection.flush();
  const event = (seq: number): Promise<DocumentEvent> => {
    const past = events.find((one) => one.seq === seq);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve) => waiting.set(seq, resolve));
  };
  return { events, event };
}

let engines = 0;

async function startEngine(
  directory: string,
  env: Environment,
  {
    program,
    port: given,
  }: { readonly program?: URL | undefined; readonly port?: number | undefined },
): Promise<FreshetProcess> {
  engines += 1;
  const port = given ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  return restartable(url, {
    name: "engine",
    directory,
    program,
    env: { FRESHET_NODE: `node-${engines}`, ...env, FRESHET_HTTP_PORT: String(port) },
    isReady: async () => {
      const response = await fetch(`${url}/readyz`);
      await response.arrayBuffer();
      return response.ok;
    },
  });
}

function startMergeWorker(
  directory: string,
  env: Environment,
  polling: boolean,
): Promise<FreshetProcess> {
  const logFile = logPath(directory, "merge-worker");
  let polled = 0;
  const polls = (): number => readText(logFile).split("merge worker polls").length - 1;
  return restartable("", {
    name: "merge-worker",
    directory,
    env,
    beforeStart: () => {
      polled = polls();
    },
    isReady: async () => !polling || polls() > polled,
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

interface Role {
  readonly name: "engine" | "merge-worker";
  readonly directory: string;
  readonly program?: URL | undefined;
  readonly env: Environment;
  readonly beforeStart?: () => void;
  readonly isReady: () => Promise<boolean>;
}

async function restartable(url: string, role: Role): Promise<FreshetProcess> {
  const logFile = logPath(role.directory, role.name);
  const start = (): Promise<RunningServer> => {
    role.beforeStart?.();
    return startServer({
      ...{ name: role.name, env: role.env, logFile, readyTimeoutMs, graceS },
      program: process.execPath,
      parameters: [role.program === undefined ? entry : fileURLToPath(role.program), role.name],
      cwd: root,
      isReady: role.isReady,
    });
  };
  let running = await start();
  return {
    ...{ url, logFile },
    peakBytes: () => peakBytesOf(running.groupId),
    kill9: () => running.kill(),
    stop: () => running.stop(),
    pause: () => void process.kill(-running.groupId, "SIGSTOP"),
    resume: () => void process.kill(-running.groupId, "SIGCONT"),
    async restart() {
      await running.stop();
      running = await start();
    },
  };
}

/** Of the largest process of the group: the engine, beside the shell that watches it. */
const peakBytesOf = (groupId: number): number => Math.max(0, ...groupOf(groupId).map(peakOf));

function peakOf(pid: number): number {
  const kib = /^VmHWM:\s*(\d+) kB$/m.exec(readText(`/proc/${pid}/status`))?.[1];
  return Number(kib ?? 0) * 1024;
}

/** The engines and the merge worker as child processes, wired to the servers of this run. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Agent, request } from "undici";
import { hostAndPort, nearHost } from "../../src/contract/place.ts";
import { startOnPorts } from "../servers/context.ts";
import { choosePorts } from "../servers/ports.ts";
import { type SecureFiles, secureSettings } from "../servers/secure.ts";
import type { Servers } from "../servers/start-servers.ts";
import { logPath, type RunningServer, type ServerEnd, startServer } from "../servers/supervise.ts";
import type { Environment } from "../setup/cache.ts";
import type { EmbeddingModelFiles, NamesModelFiles } from "../setup/ensure-tools.ts";

const entry = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));
const readyTimeoutMs = 120_000;
/** Above the longest clean stop of the parts inside: questions, actors, leases, connections. */
const graceS = 30;
const portVariable = "FRESHET_HTTP_PORT";
const httpPortDefault = 8787;

export interface FreshetNode {
  readonly name: string;
  readonly httpUrl: string;
}

export interface FreshetProcesses {
  /** Of the first node. */
  readonly httpUrl: string;
  readonly nodes: readonly FreshetNode[];
  /** Environment of the first engine, for a client that is started beside it. */
  readonly env: Environment;
  readonly logs: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export interface ProcessesOptions {
  readonly servers: Servers;
  readonly model: EmbeddingModelFiles;
  /** Undefined unless that lane is on. */
  readonly names?: NamesModelFiles | undefined;
  readonly dataDir: string;
  readonly env: Environment;
  /** Engines to start; 1 unless told otherwise. */
  readonly nodes?: number | undefined;
  /** Where the first engine listens if nothing asks for a port and this one is free; 8787. */
  readonly httpPort?: number | undefined;
  readonly secure?: SecureFiles | undefined;
  readonly onDeath: (end: ServerEnd) => void;
}

/** One engine, as it is started on a port. */
interface Planned extends FreshetNode {
  /** Of its log: the first one is called as if it were alone. */
  readonly role: string;
  readonly env: Record<string, string>;
}

interface Started extends Planned {
  readonly running: RunningServer;
}

export async function startFreshet(options: ProcessesOptions): Promise<FreshetProcesses> {
  const { nodes: wanted = 1 } = options;
  const running: RunningServer[] = [];
  const stop = async (): Promise<void> => {
    // The worker first: it is the one that writes to the servers which stop next.
    for (const child of running.splice(0).reverse()) await child.stop();
  };
  const engines: Started[] = [];
  const add = (engine: Started): void => {
    engines.push(engine);
    running.push(engine.running);
  };
  try {
    // The first one creates the log, if it is new; the others join it together.
    const first = await startEngine(options, 0);
    add(first);
    const others = Array.from({ length: wanted - 1 }, (_, index) =>
      startEngine(options, 1 + index),
    );
    const joined = await Promise.allSettled(others);
    for (const start of joined) if (start.status === "fulfilled") add(start.value);
    for (const start of joined) if (start.status === "rejected") throw start.reason;
    running.push(await startWorkerProcess(options, first.env));
    for (const child of running) {
      void child.ended.then((end) => {
        if (!end.expected) options.onDeath(end);
      });
    }
    const logs = Object.fromEntries(running.map(({ name, logFile }) => [name, logFile]));
    const nodes = engines.map(({ name, httpUrl }) => ({ name, httpUrl }));
    return { httpUrl: first.httpUrl, nodes, env: first.env, logs, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

/** @throws SetupError when somebody else listens on the port that was asked for */
export async function requireHttpPort(env: Environment): Promise<void> {
  if ((env[portVariable] ?? "") === "") return;
  await choosePorts([{ name: "http-0", variable: portVariable }], env, {});
}

/**
 * On 8787, the others on those after it, or on any other free port when that is taken and was not
 * asked for. An engine listens long after its port was looked at: where another process was quicker
 * meanwhile, as a second run on this machine may be, it is started again on another one.
 */
function startEngine(options: ProcessesOptions, index: number): Promise<Started> {
  const { env, dataDir, httpPort = httpPortDefault } = options;
  const port = (Number(env[portVariable] ?? "") || httpPort) + index;
  const name = `http-${index}`;
  // Only the first port can be asked for; no variable has an empty name.
  const request = { name, variable: index === 0 ? portVariable : "" };
  return startOnPorts({ dataDir, env, ports: { [name]: port } }, [request], async (ports) => {
    const planned = plannedOn(options, index, ports(name));
    return { ...planned, running: await startEngineProcess(options, planned) };
  });
}

function plannedOn(options: ProcessesOptions, index: number, port: number): Planned {
  const { env, nodes = 1, secure } = options;
  const given = env["FRESHET_NODE"] ?? "";
  const number = index + 1;
  const place = hostAndPort(nearHost(env["FRESHET_HTTP_HOST"]?.trim() ?? ""), port);
  const name = given !== "" && nodes === 1 ? given : `${given === "" ? "node" : given}-${number}`;
  return {
    name,
    httpUrl: `${secure === undefined && !showsCertificate(env) ? "http" : "https"}://${place}`,
    role: index === 0 ? "engine" : `engine-${number}`,
    env: { ...engineEnvironment(options, port), FRESHET_NODE: name },
  };
}

/**
 * A look so soon proves less than the 90 s of an engine of its own; nothing here is paused or
 * killed meanwhile.
 */
const confirmMs = 5_000;

/** A cluster of this run keeps as many copies as it has servers, unless it is told otherwise. */
export const replicaSettings = ({ replicas }: Servers["nats"]): Readonly<Record<string, string>> =>
  replicas === undefined ? {} : { FRESHET_STREAM_REPLICAS: String(replicas) };

/**
 * On a Temporal of this run no other workers have a say: that of this run gets the work. Elsewhere
 * an operator decides.
 */
function versionSettings({ servers, env }: ProcessesOptions): Readonly<Record<string, string>> {
  const isGiven = (env["FRESHET_MERGE_VERSIONING"] ?? "") !== "";
  return isGiven || !servers.temporal.isOwn ? {} : { FRESHET_MERGE_VERSIONING: "auto" };
}

function engineEnvironment(options: ProcessesOptions, port: number): Record<string, string> {
  const { servers, model, names, dataDir, env } = options;
  const { nats, temporal, weaviate, llm } = servers;
  const kept = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return {
    // The job waits until hot drops what it merged, to show answers that come from cold.
    FRESHET_MERGE_CONFIRM_MS: String(confirmMs),
    ...replicaSettings(nats),
    ...Object.fromEntries(kept),
    FRESHET_DATA_DIR: dataDir,
    FRESHET_NATS_URL: nats.url,
    FRESHET_TEMPORAL_ADDRESS: temporal.address,
    FRESHET_TEMPORAL_NAMESPACE: temporal.namespace,
    FRESHET_TEMPORAL_UI_URL: temporal.uiUrl,
    ...versionSettings(options),
    FRESHET_WEAVIATE_URL: weaviate.url,
    FRESHET_WEAVIATE_GRPC: weaviate.grpc,
    ...(weaviate.apiKey === undefined || options.secure !== undefined
      ? {}
      : { FRESHET_WEAVIATE_API_KEY: weaviate.apiKey }),
    ...(options.secure === undefined ? {} : secureSettings(options.secure)),
    ...modelEnvironment(model, env),
    ...(names === undefined ? {} : { FRESHET_NAMES_MODEL_DIR: names.modelDir }),
    FRESHET_HTTP_PORT: String(port),
    FRESHET_LOG_FORMAT: "json",
    ...(llm === undefined ? {} : { FRESHET_LLM_URL: llm.url, FRESHET_LLM_MODEL: llm.model }),
    ...(llm?.contextTokens === undefined
      ? {}
      : { FRESHET_LLM_CONTEXT_TOKENS: String(llm.contextTokens) }),
  };
}

/**
 * A model of one's own, or the tokenizer of an endpoint's, is used as it is; the set-up's graph
 * would not fit it.
 */
function modelEnvironment(
  model: EmbeddingModelFiles,
  env: Environment,
): Readonly<Record<string, string>> {
  if ((env["FRESHET_MODEL_DIR"] ?? "") !== "") return {};
  const graph = env["FRESHET_MODEL_GRAPH"] ?? "";
  return {
    FRESHET_MODEL_DIR: model.modelDir,
    FRESHET_MODEL_GRAPH: graph === "" ? model.graph : graph,
  };
}

/**
 * Ready when the process itself says that it listens and its API agrees. The API alone is not
 * enough: on a port that another engine was quicker to take, that one would answer.
 */
function startEngineProcess(
  options: ProcessesOptions,
  { role, env, httpUrl }: Planned,
): Promise<RunningServer> {
  const hasSaid = newLine(options, role, "freshet engine listens");
  return startRole(options, {
    name: role,
    role: "engine",
    env,
    isReady: async () => {
      if (!hasSaid()) return false;
      const dispatcher = trusting(options);
      try {
        const { statusCode, body } = await request(`${httpUrl}/readyz`, { dispatcher });
        await body.dump();
        return statusCode === 200;
      } finally {
        await dispatcher.close();
      }
    },
  });
}

/** Of the user's own, for callers: `--secure` is not needed for it. */
const showsCertificate = (env: Environment): boolean =>
  (env["FRESHET_HTTP_TLS_CERT_FILE"] ?? "") !== "";

function trusting({ secure, env }: ProcessesOptions): Agent {
  if (secure !== undefined) return new Agent({ connect: { ca: readFileSync(secure.caFile) } });
  const [certFile, keyFile] = ["CERT", "KEY"].map((what) => env[`FRESHET_API_TLS_${what}_FILE`]);
  const shown =
    certFile && keyFile ? { cert: readFileSync(certFile), key: readFileSync(keyFile) } : {};
  // It is asked of a child on loopback; whether its certificate is any good, its callers judge.
  return new Agent({ connect: { ...shown, rejectUnauthorized: false } });
}

/** Ready when it says that it polls: nothing else in the process knows. */
function startWorkerProcess(options: ProcessesOptions, env: Environment): Promise<RunningServer> {
  const hasSaid = newLine(options, "merge-worker", "merge worker polls");
  return startRole(options, {
    name: "merge-worker",
    role: "merge-worker",
    env,
    isReady: () => Promise.resolve(hasSaid()),
  });
}

/** Whether the role's log holds the line since now; earlier runs wrote the same. */
function newLine({ dataDir }: ProcessesOptions, role: string, line: string): () => boolean {
  const logFile = logPath(dataDir, role);
  const before = sizeOf(logFile);
  return () => tail(logFile, before).includes(line);
}

function startRole(
  { dataDir }: ProcessesOptions,
  options: Pick<Parameters<typeof startServer>[0], "name" | "env" | "isReady"> & {
    readonly role: "engine" | "merge-worker";
  },
): Promise<RunningServer> {
  const { role, ...started } = options;
  return startServer({
    ...started,
    program: process.execPath,
    parameters: [entry, role],
    logFile: logPath(dataDir, started.name),
    cwd: root,
    readyTimeoutMs,
    graceS,
  });
}

function tail(file: string, from: number): string {
  const bytes = read(file);
  // A log that was moved aside in between starts anew.
  return bytes.subarray(bytes.length < from ? 0 : from).toString("utf8");
}

function sizeOf(file: string): number {
  return read(file).length;
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    return Buffer.alloc(0);
  }
}

/** One node of Weaviate: all of the cold shard, or a member of a cluster (weaviate-cluster.ts). */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, statfsSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { Agent, request } from "undici";
import { plainEnvironment, type ServerContext, startOnPorts } from "./context.ts";
import { readSecret, type SecureFiles } from "./secure.ts";
import { logPath, type RunningServer, startServer } from "./supervise.ts";

export interface WeaviateAddress {
  /** Of a cluster: one for each node, with commas between. */
  readonly url: string;
  /** host:port of the gRPC listener; of a cluster one for each URL, in their order. */
  readonly grpc: string;
  /** Undefined for a foreign server that asks for none. */
  readonly apiKey?: string | undefined;
  /** Of its certificate; undefined: plain text, or one that Node trusts. */
  readonly caFile?: string | undefined;
}

const readyTimeoutMs = 120_000;
const checkTimeoutMs = 3_000;
/** Memtables are flushed to disk on the way out. */
const graceS = 30;
/** Below this much free space Weaviate stops writing, while the other servers still can. */
const keepFreeBytes = 1_000_000_000;

export interface WeaviatePorts {
  readonly port: number;
  readonly grpcPort: number;
  readonly gossipPort: number;
  readonly dataPort: number;
  readonly raftPort: number;
  readonly raftRpcPort: number;
}

export interface WeaviateSettings {
  readonly ports: WeaviatePorts;
  readonly dataPath: string;
  readonly diskReadOnlyPercent: number;
  readonly clusterPassword: string;
  readonly apiKey: string;
  /** Undefined: plain text. */
  readonly secure?: SecureFiles | undefined;
  /** Where it shows its metrics; undefined: nowhere. */
  readonly metricsPort?: string | undefined;
  /** Undefined: a node that is alone. */
  readonly member?: WeaviateMember | undefined;
}

/** A node among others. */
export interface WeaviateMember {
  /** Under which the cluster knows it and its data. */
  readonly name: string;
  /** Gossip addresses of members that listen; none: it is the first, and others join it. */
  readonly joins: readonly string[];
  /** `name:raft port` of all members. */
  readonly raftPeers: readonly string[];
  /** What Go's collector keeps the process below, as long as it can. */
  readonly memoryBytes: number;
}

/**
 * The listener of metrics binds every interface and cannot be told otherwise (1.35.2): it is opened
 * only for those who ask for it, and names no collection and no tenant.
 */
function metricsEnvironment(port: string | undefined): Record<string, string> {
  if (port === undefined) return {};
  return {
    PROMETHEUS_MONITORING_ENABLED: "true",
    PROMETHEUS_MONITORING_PORT: port,
    PROMETHEUS_MONITORING_GROUP: "true",
  };
}

/** How it finds the others, if there are any. */
function clusterEnvironment(member: WeaviateMember | undefined): Record<string, string> {
  if (member === undefined) {
    return {
      // A name of its own: the default is the host name, and data written under one host name is
      // not found again under another (containers, laptops).
      CLUSTER_HOSTNAME: "freshet",
      RAFT_BOOTSTRAP_EXPECT: "1",
      // Raft's own time-outs; the default is five times as patient, for networks. A lone node only
      // waits for itself, and so starts seconds earlier.
      RAFT_TIMEOUTS_MULTIPLIER: "1",
      // The Raft log names this node's ports, which may be others in the next run: a lone node may
      // then take its own log over instead of waiting for a peer that no longer exists.
      RAFT_ENABLE_ONE_NODE_RECOVERY: "true",
    };
  }
  const { name, joins, raftPeers, memoryBytes } = member;
  return {
    CLUSTER_HOSTNAME: name,
    // Several on one machine: ports tell them apart, and the port of Raft's calls is the one above
    // Raft's own.
    CLUSTER_IN_LOCALHOST: "true",
    ...(joins.length === 0 ? {} : { CLUSTER_JOIN: joins.join(",") }),
    RAFT_JOIN: raftPeers.join(","),
    RAFT_BOOTSTRAP_EXPECT: String(raftPeers.length),
    // Less patient than for networks; on a busy machine a leader is late now and then.
    RAFT_TIMEOUTS_MULTIPLIER: "2",
    GOMEMLIMIT: `${memoryBytes}B`,
  };
}

/** The environment, each variable with its reason. Pure. */
export function weaviateEnvironment(settings: WeaviateSettings): Record<string, string> {
  const { ports } = settings;
  return {
    PERSISTENCE_DATA_PATH: settings.dataPath,
    ...clusterEnvironment(settings.member),
    // Without an address the cluster layer looks for a private one and fails on machines that
    // have none; loopback is right for a single node and keeps gossip and Raft off the network.
    CLUSTER_ADVERTISE_ADDR: "127.0.0.1",
    CLUSTER_BIND_ADDR: "127.0.0.1",
    CLUSTER_GOSSIP_BIND_PORT: String(ports.gossipPort),
    CLUSTER_DATA_BIND_PORT: String(ports.dataPort),
    RAFT_PORT: String(ports.raftPort),
    RAFT_INTERNAL_RPC_PORT: String(ports.raftRpcPort),
    // The node-to-node API binds every interface and cannot be told otherwise (1.35.2): a random
    // password for each run closes it.
    CLUSTER_BASIC_AUTH_USERNAME: "freshet",
    CLUSTER_BASIC_AUTH_PASSWORD: settings.clusterPassword,
    GRPC_PORT: String(ports.grpcPort),
    ...(settings.secure === undefined
      ? {}
      : {
          GRPC_CERT_FILE: settings.secure.serverCertFile,
          GRPC_KEY_FILE: settings.secure.serverKeyFile,
        }),
    // Its profiler would listen on port 6060 of every interface.
    GO_PROFILING_DISABLE: "true",

    // Freshet's schema is explicit: a misspelt property must fail, not create a column.
    AUTOSCHEMA_ENABLED: "false",
    // Vectors come from Freshet; no module may call out.
    DEFAULT_VECTORIZER_MODULE: "none",
    ENABLE_MODULES: "",
    ENABLE_API_BASED_MODULES: "false",
    DISABLE_TELEMETRY: "true",
    // The gRPC listener binds every interface and cannot be told otherwise (1.35.2): a random key
    // for each run keeps the network out.
    AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED: "false",
    AUTHENTICATION_APIKEY_ENABLED: "true",
    AUTHENTICATION_APIKEY_ALLOWED_KEYS: settings.apiKey,
    AUTHENTICATION_APIKEY_USERS: "freshet",

    // What a kill -9 must replay stays small; the default lets a minute of writes pile up. Only
    // start-up time depends on it: a merge is verified by reading back, and the log can redo it.
    PERSISTENCE_MEMTABLES_FLUSH_DIRTY_AFTER_SECONDS: "3",
    // The default makes every shard read-only at 90 % disk use, which a large developer disk
    // passes with 100 GB free. It takes whole percent only: see readOnlyPercent.
    DISK_USE_READONLY_PERCENTAGE: String(settings.diskReadOnlyPercent),
    DISK_USE_WARNING_PERCENTAGE: String(settings.diskReadOnlyPercent - 1),
    // Freshet over-fetches to refill what its heads mask; a bound all the same.
    QUERY_MAXIMUM_RESULTS: "10000",
    // With it a list of words that is cut lacks some of the best: up to 39 of 64, also the first.
    USE_BLOCKMAX_WAND: "false",
    QUERY_DEFAULTS_LIMIT: "25",
    // The keyword half of a hybrid search; the default of 100 would cut an over-fetch short.
    QUERY_HYBRID_MAXIMUM_RESULTS: "1000",
    // Queries beyond this are refused at once rather than queued without bound.
    MAXIMUM_CONCURRENT_GET_REQUESTS: "64",
    LOG_LEVEL: "warning",
    ...metricsEnvironment(settings.metricsPort),
  };
}

/** The disk use in percent at which `keepFreeBytes` are left, between 90 and 99. Pure. */
export function readOnlyPercent(totalBytes: number): number {
  if (totalBytes <= 0) return 90;
  const percent = Math.floor(100 - (keepFreeBytes / totalBytes) * 100);
  return Math.min(99, Math.max(90, percent));
}

export async function startWeaviate(
  context: ServerContext,
  program: string,
): Promise<{ server: RunningServer; address: WeaviateAddress }> {
  const requests = [
    { name: "weaviate", variable: "FRESHET_WEAVIATE_PORT" },
    { name: "weaviateGrpc", variable: "FRESHET_WEAVIATE_GRPC_PORT" },
    { name: "weaviateGossip", variable: "FRESHET_WEAVIATE_GOSSIP_PORT" },
    { name: "weaviateData", variable: "FRESHET_WEAVIATE_DATA_PORT" },
    { name: "weaviateRaft", variable: "FRESHET_WEAVIATE_RAFT_PORT" },
    { name: "weaviateRaftRpc", variable: "FRESHET_WEAVIATE_RAFT_RPC_PORT" },
  ];
  const dataPath = join(context.dataDir, "weaviate");
  return startOnPorts(context, requests, async (named) => {
    const ports = {
      port: named("weaviate"),
      grpcPort: named("weaviateGrpc"),
      gossipPort: named("weaviateGossip"),
      dataPort: named("weaviateData"),
      raftPort: named("weaviateRaft"),
      raftRpcPort: named("weaviateRaftRpc"),
    };
    const shared = { ...nodeSettings(context), program, ports, dataPath };
    const logFile = logPath(context.dataDir, "weaviate");
    const node = { ...shared, name: "weaviate", logFile };
    return { server: await startWeaviateAt(node), address: addressOf(node) };
  });
}

/** How a node is started; it may be started again in the same way. */
export interface WeaviateProcess extends Omit<WeaviateSettings, "diskReadOnlyPercent"> {
  readonly name: string;
  readonly program: string;
  readonly env: Record<string, string>;
  readonly logFile: string;
}

/** What is the same for each node of a run. */
export function nodeSettings(
  context: ServerContext,
): Pick<WeaviateProcess, "apiKey" | "clusterPassword" | "env" | "metricsPort" | "secure"> {
  return {
    secure: context.secure,
    env: plainEnvironment(context.env),
    clusterPassword: randomBytes(24).toString("hex"),
    // One that is configured stays the same over restarts.
    apiKey: apiKeyOf(context),
    metricsPort: context.env["FRESHET_WEAVIATE_METRICS_PORT"] || undefined,
  };
}

/** @throws ServerStartError */
export async function startWeaviateAt(node: WeaviateProcess): Promise<RunningServer> {
  const { name, program, ports, dataPath, env, logFile, secure } = node;
  mkdirSync(dataPath, { recursive: true });
  const disk = statfsSync(dataPath);
  const diskReadOnlyPercent = readOnlyPercent(disk.blocks * disk.bsize);
  return await startServer({
    name,
    program,
    parameters: listenerParameters(ports.port, secure),
    env: { ...env, ...weaviateEnvironment({ ...node, diskReadOnlyPercent }) },
    logFile,
    cwd: dataPath,
    readyTimeoutMs,
    graceS,
    isReady: () => isWeaviateReady(addressOf(node)),
  });
}

export function addressOf({
  ports,
  secure,
  apiKey,
}: Pick<WeaviateProcess, "apiKey" | "ports" | "secure">): WeaviateAddress {
  return {
    apiKey,
    url: `${secure === undefined ? "http" : "https"}://127.0.0.1:${ports.port}`,
    grpc: `127.0.0.1:${ports.grpcPort}`,
    caFile: secure?.caFile,
  };
}

/** One that is configured, or was made for a secure run, stays the same over restarts. */
function apiKeyOf({ env, secure }: ServerContext): string {
  const configured = env["FRESHET_WEAVIATE_API_KEY"] ?? "";
  if (configured !== "") return configured;
  return secure === undefined
    ? randomBytes(24).toString("hex")
    : readSecret(secure.weaviateKeyFile);
}

function listenerParameters(port: number, secure: SecureFiles | undefined): string[] {
  if (secure === undefined) {
    return ["--scheme", "http", "--host", "127.0.0.1", "--port", String(port)];
  }
  return [
    ...["--scheme", "https", "--tls-host", "127.0.0.1", "--tls-port", String(port)],
    ...["--tls-certificate", secure.serverCertFile, "--tls-key", secure.serverKeyFile],
  ];
}

/** True when the node says it is ready, its schema answers, and gRPC accepts connections. */
export async function isWeaviateReady(address: WeaviateAddress): Promise<boolean> {
  const { url, grpc, apiKey, caFile } = address;
  const headers: Record<string, string> =
    apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  const dispatcher = new Agent(
    caFile === undefined ? {} : { connect: { ca: readFileSync(caFile) } },
  );
  try {
    for (const path of ["/v1/.well-known/ready", "/v1/schema"]) {
      const signal = AbortSignal.timeout(checkTimeoutMs);
      const { statusCode, body } = await request(`${url}${path}`, { headers, signal, dispatcher });
      await body.dump();
      if (statusCode >= 300) return false;
    }
  } finally {
    await dispatcher.close();
  }
  return acceptsConnections(grpc);
}

function acceptsConnections(address: string): Promise<boolean> {
  const separator = address.lastIndexOf(":");
  const host = address.slice(0, separator);
  const port = Number(address.slice(separator + 1));
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: checkTimeoutMs });
    const finish = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once("connect", () => {
      finish(true);
    });
    socket.once("error", () => {
      finish(false);
    });
    socket.once("timeout", () => {
      finish(false);
    });
  });
}

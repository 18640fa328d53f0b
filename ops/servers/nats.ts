/** nats-server with JetStream: Freshet's log. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Authenticator, type ConnectionOptions, connect } from "nats";
import { plainEnvironment, type ServerContext, startOnPorts } from "./context.ts";
import { natsUser, readSecret, type SecureFiles } from "./secure.ts";
import { logPath, type RunningServer, startServer } from "./supervise.ts";

export interface NatsAddress {
  /** Of all servers, with commas between. */
  readonly url: string;
  /** Of the first one. */
  readonly monitorUrl: string;
  /** Copies of each stream, where there are several servers for them. */
  readonly replicas?: number | undefined;
}

const readyTimeoutMs = 60_000;
const checkTimeoutMs = 2_000;
/** Streams are closed and indexed on the way out; a large store needs some seconds. */
const graceS = 15;

/** One of the servers that make a cluster on loopback. */
export interface ClusterPlace {
  /** Of this server, unique in the cluster. */
  readonly name: string;
  readonly port: number;
  /** Cluster ports of the others. */
  readonly others: readonly number[];
}

export interface NatsConfiguration {
  readonly port: number;
  readonly monitorPort: number;
  readonly storeDir: string;
  readonly cluster?: ClusterPlace | undefined;
  /** Another `max_payload`, as on a server that Freshet did not set up. */
  readonly maxPayloadBytes?: number | undefined;
  /** As on a smaller disk; by default the server takes three quarters of what is free. */
  readonly storeBytesMax?: number | undefined;
  /** Lines that say who may connect, as `freshet tenant` writes them; by default everyone. */
  readonly accounts?: string | undefined;
  /** TLS, client certificates and a user; undefined: plain text, and anybody on this machine. */
  readonly secure?: SecureFiles | undefined;
}

/** The configuration file, each setting with its reason. Pure. */
export function natsConfiguration(configuration: NatsConfiguration): string {
  const {
    port,
    monitorPort,
    storeDir,
    cluster,
    storeBytesMax,
    secure,
    accounts = "",
  } = configuration;
  const { maxPayloadBytes = 4_194_304 } = configuration;
  const who = accounts === "" ? "there are no users or passwords" : "users are those below";
  return `# Written by ops/servers/nats.ts at every start: edit that file, not this one.
server_name: ${cluster?.name ?? "freshet"}
# Loopback only${secure === undefined ? `: nothing is encrypted, and ${who}` : ""}.
listen: "127.0.0.1:${port}"
# /healthz, /varz and /jsz for people and scrapers.
${secure === undefined ? "http" : "https"}: "127.0.0.1:${monitorPort}"

# The largest record Freshet makes (256 KiB of text, its chunks, their vectors) is about 2 MB;
# twice that leaves room for metadata and headers. The default of 1 MiB would refuse it.
max_payload: ${maxPayloadBytes}
# What may wait for a slow reader before it is disconnected: 64 of the largest messages, so that
# one fetch of a rebuild never cuts its own connection. The default holds only 16.
max_pending: 268435456
# A client that reads nothing for this long is gone, not slow.
write_deadline: "10s"

jetstream {
  store_dir: ${JSON.stringify(storeDir)}
  # An ack means the message is on disk (invariant 1). The default acks up to two minutes earlier.
  sync_interval: always
  # Freshet keeps no stream in memory; a small budget makes one made by mistake fail early.
  max_memory_store: 67108864
${storeBytesMax === undefined ? "" : `  max_file_store: ${storeBytesMax}\n`}}
${cluster === undefined ? "" : clusterBlock(cluster, secure)}${secure === undefined ? "" : secureBlock(secure)}${accounts}`;
}

function secureBlock(files: SecureFiles): string {
  return `
${tlsBlock(files)}
authorization {
  user: ${natsUser}
  password: ${JSON.stringify(readSecret(files.natsPasswordFile))}
}
`;
}

/** For clients, and the same between the servers of a cluster. */
function tlsBlock(files: SecureFiles): string {
  return `tls {
  cert_file: ${JSON.stringify(files.serverCertFile)}
  key_file: ${JSON.stringify(files.serverKeyFile)}
  ca_file: ${JSON.stringify(files.caFile)}
  # Who shows no certificate of this CA is refused before a word.
  verify: true
}`;
}

function clusterBlock({ port, others }: ClusterPlace, secure: SecureFiles | undefined): string {
  const routes = others.map((other) => `"nats-route://127.0.0.1:${other}"`).join(", ");
  return `
cluster {
  name: freshet
  listen: "127.0.0.1:${port}"
  # Clients keep to the addresses that they were given: there may be a proxy in front of each.
  no_advertise: true
  routes: [${routes}]
${secure === undefined ? "" : `  ${tlsBlock(secure).replaceAll("\n", "\n  ")}\n`}}
`;
}

export const natsUrl = (port: number, secure: SecureFiles | undefined): string =>
  `${secure === undefined ? "nats" : "tls"}://127.0.0.1:${port}`;
export const monitorUrl = (port: number, secure: SecureFiles | undefined): string =>
  `${secure === undefined ? "http" : "https"}://127.0.0.1:${port}`;

export async function startNats(
  context: ServerContext,
  program: string,
): Promise<{ server: RunningServer; address: NatsAddress }> {
  const requests = [
    { name: "nats", variable: "FRESHET_NATS_PORT" },
    { name: "natsMonitor", variable: "FRESHET_NATS_MONITOR_PORT" },
  ];
  return startOnPorts(context, requests, async (ports) => {
    const directory = join(context.dataDir, "nats");
    const { secure } = context;
    const address = {
      url: natsUrl(ports("nats"), secure),
      monitorUrl: monitorUrl(ports("natsMonitor"), secure),
    };
    const server = await startNatsAt({
      program,
      directory,
      logFile: logPath(context.dataDir, "nats"),
      env: plainEnvironment(context.env),
      port: ports("nats"),
      monitorPort: ports("natsMonitor"),
      secure,
    });
    return { server, address };
  });
}

export interface NatsProcess extends Omit<NatsConfiguration, "storeDir"> {
  readonly program: string;
  readonly directory: string;
  readonly logFile: string;
  readonly env: Readonly<Record<string, string>>;
  /** The user that asks whether it is ready, where the server has users. */
  readonly authenticator?: Authenticator | undefined;
}

/** Starts one nats-server on given ports and data; tests restart theirs with it. */
export function startNatsAt(options: NatsProcess): Promise<RunningServer> {
  const { directory, port } = options;
  const configFile = join(directory, "nats.conf");
  mkdirSync(directory, { recursive: true });
  const storeDir = join(directory, "jetstream");
  // It may hold a password.
  writeFileSync(configFile, natsConfiguration({ ...options, storeDir }), { mode: 0o600 });
  return startServer({
    name: options.cluster?.name ?? "nats-server",
    program: options.program,
    parameters: ["--config", configFile],
    env: options.env,
    logFile: options.logFile,
    cwd: directory,
    readyTimeoutMs,
    graceS,
    isReady: () => isJetStreamReady(`nats://127.0.0.1:${port}`, accessTo(options)),
  });
}

function accessTo({
  secure: files,
  authenticator,
}: Pick<NatsProcess, "secure" | "authenticator">): ConnectionOptions {
  if (authenticator !== undefined) return { authenticator };
  if (files === undefined) return {};
  const tls = {
    ...{ caFile: files.caFile, certFile: files.clientCertFile, keyFile: files.clientKeyFile },
  };
  return { tls, user: natsUser, pass: readSecret(files.natsPasswordFile) };
}

/** True when JetStream answers: a server that still recovers its streams accepts connections. */
export async function isJetStreamReady(
  url: string,
  access: ConnectionOptions = {},
): Promise<boolean> {
  const connection = await connect({
    ...access,
    servers: url.split(","),
    reconnect: false,
    timeout: checkTimeoutMs,
    name: "freshet-readiness",
  });
  try {
    const manager = await connection.jetstreamManager({ timeout: checkTimeoutMs });
    await manager.getAccountInfo();
    return true;
  } finally {
    await connection.close();
  }
}

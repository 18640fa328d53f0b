/**
 * All servers of one run: those configured by URL are only checked, the others are started here.
 *
 * Owns: the children and the data folder's lock. Tells: `onDeath` when a server ends unasked.
 *
 * Invariants
 *  SS1 Either every server runs and is ready, or none is left and the first error is thrown.
 *  SS2 Stopping goes against the order of starting, and only what was started here is stopped.
 *  SS3 A missing language model is no failure: answers become extractive.
 */
import { join } from "node:path";
import { type Environment, requireFreeSpace } from "../setup/cache.ts";
import { ensureTools, type Tools } from "../setup/ensure-tools.ts";
import type { Progress } from "../setup/progress.ts";
import { SetupError } from "../setup/setup-error.ts";
import type { ServerContext } from "./context.ts";
import { firstModel, type LlmAddress, startLlm } from "./llm.ts";
import { isJetStreamReady, type NatsAddress, startNats } from "./nats.ts";
import { clusterSize, refuseOtherLog, startNatsCluster } from "./nats-cluster.ts";
import type { RestartOptions } from "./restarting.ts";
import { acquireRunLock, type RunLock } from "./run-lock.ts";
import { refuseForeignServers, refuseOtherCredentials, type SecureFiles } from "./secure.ts";
import type { RunningServer, ServerEnd } from "./supervise.ts";
import { isTemporalReady, namespaceFrom, startTemporal, type TemporalAddress } from "./temporal.ts";
import { startTlsFront, type TlsFront } from "./tls-front.ts";
import { isWeaviateReady, startWeaviate, type WeaviateAddress } from "./weaviate.ts";
import { refuseOtherCold, startWeaviateCluster, weaviatesInCluster } from "./weaviate-cluster.ts";

export interface StartServersOptions {
  /** Absolute folder for the servers' data, logs and ports. */
  readonly dataDir: string;
  readonly env: Environment;
  readonly progress: Progress;
  readonly want: { readonly llm: boolean };
  /** What ensureTools returned; without it the missing ones are installed first. */
  readonly tools?: Tools | undefined;
  /** More namespaces of a Temporal that is started here. */
  readonly namespaces?: readonly string[] | undefined;
  /** See ServerContext. */
  readonly taskQueuePartitions?: 1 | undefined;
  /** Everything with certificates and keys; undefined: plain text on loopback. */
  readonly secure?: SecureFiles | undefined;
  /** One nats-server, or three that make a cluster. */
  readonly natsServers?: 1 | typeof clusterSize | undefined;
  /** One Weaviate, or three that share the tenants. */
  readonly weaviates?: 1 | typeof weaviatesInCluster | undefined;
  /** A server ended that was not stopped; `message` has the last lines of its log. */
  readonly onDeath?: ((end: ServerEnd) => void) | undefined;
}

export interface Servers {
  readonly nats: NatsAddress;
  readonly temporal: TemporalAddress;
  readonly weaviate: WeaviateAddress;
  readonly llm?: LlmAddress | undefined;
  /** Log files of the servers started here, by name. */
  readonly logs: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Streams, the merge history and the cold shard of a small corpus, with room to spare. */
const dataSpaceBytes = 1_000_000_000;
const externalPatienceMs = 5_000;

interface Run {
  readonly options: StartServersOptions;
  readonly context: ServerContext;
  readonly tools: Tools;
  readonly lock: RunLock;
  readonly running: RunningServer[];
  /** In front of Temporal, where that must not be reached in plain text. */
  front?: TlsFront | undefined;
}

export async function startServers(options: StartServersOptions): Promise<Servers> {
  const { dataDir, env, secure, natsServers = 1, weaviates = 1 } = options;
  if (secure !== undefined) {
    refuseForeignServers(env);
    refuseOtherCredentials(env, secure);
  }
  refuseNatsOfOthers(env, natsServers);
  refuseWeaviatesOfOthers(env, weaviates);
  requireFreeSpace(dataDir, dataSpaceBytes, "FRESHET_DATA_DIR");
  const tools = options.tools ?? (await installMissing(options));
  const lock = await acquireRunLock(dataDir);
  const { namespaces, taskQueuePartitions } = options;
  const context = { dataDir, env, ports: lock.ports, namespaces, taskQueuePartitions, secure };
  const run: Run = { options, context, tools, lock, running: [] };
  try {
    // Side by side: most of each start is waiting.
    const [nats, temporal, weaviate, llm] = await allSettledOrThrow([
      ensureNats(run),
      ensureTemporal(run),
      ensureWeaviateServer(run),
      ensureLlmServer(run),
    ]);
    lock.save();
    const logs = Object.fromEntries(run.running.map(({ name, logFile }) => [name, logFile]));
    return { nats, temporal, weaviate, llm, logs, stop: () => stopAll(run) };
  } catch (error) {
    await stopAll(run);
    throw error;
  }
}

/** Which servers are to be started here: those without an address in the environment. */
export function missingServers(env: Environment, want: { readonly llm: boolean }) {
  return {
    nats: given(env, "FRESHET_NATS_URL") === undefined,
    temporal: given(env, "FRESHET_TEMPORAL_ADDRESS") === undefined,
    weaviate: given(env, "FRESHET_WEAVIATE_URL") === undefined,
    llm: want.llm && given(env, "FRESHET_LLM_URL") === undefined,
  };
}

function installMissing({ env, progress, want }: StartServersOptions): Promise<Tools> {
  const missing = missingServers(env, want);
  return ensureTools({ env, progress, want: { ...missing, embedding: false } });
}

async function ensureNats(run: Run): Promise<NatsAddress> {
  const { env } = run.context;
  const url = given(env, "FRESHET_NATS_URL");
  const { natsServers = 1 } = run.options;
  if (url !== undefined) {
    await requireAnswer("FRESHET_NATS_URL", url, () => isJetStreamReady(url));
    return { url, monitorUrl: given(env, "FRESHET_NATS_MONITOR_URL") ?? "" };
  }
  refuseOtherLog(run.context.dataDir, natsServers);
  const nats = { name: "nats-server", program: run.tools.natsServer };
  if (natsServers === 1) return launch(run, { ...nats, start: startNats });
  return launchCluster(run, { ...nats, size: clusterSize, start: startNatsCluster });
}

/** One of them may end: it is started again, and only when that does not help the run ends. */
async function launchCluster<Address>(
  run: Run,
  cluster: {
    readonly name: string;
    readonly program: string | undefined;
    readonly size: number;
    readonly start: (
      context: ServerContext,
      program: string,
      restarts: Pick<RestartOptions, "onEnd" | "onStart">,
    ) => Promise<{ readonly servers: readonly RunningServer[]; readonly address: Address }>;
  },
): Promise<Address> {
  const { progress } = run.options;
  const { name, program, size, start } = cluster;
  if (program === undefined) throw new Error(`no program for ${name}; this is a bug`);
  progress.start(name, `starting a cluster of ${size}`);
  const { servers, address } = await start(run.context, program, {
    onEnd: ({ name: member, message }) => {
      const [why] = message.split("; its log", 1);
      progress.warn(member, `${why ?? message}: starting it again, the others go on`);
    },
    onStart: ({ groupId }) => run.lock.addGroup(groupId),
  });
  for (const server of servers) supervise(run, server);
  progress.done(name, "ready");
  return address;
}

/** @throws SetupError */
function refuseNatsOfOthers(env: Environment, natsServers: number): void {
  if (natsServers === 1 || given(env, "FRESHET_NATS_URL") === undefined) return;
  throw new SetupError(
    `--nats ${natsServers} starts servers of its own: unset FRESHET_NATS_URL, or leave --nats away ` +
      "and set FRESHET_STREAM_REPLICAS for those that FRESHET_NATS_URL names",
  );
}

/** @throws SetupError */
function refuseWeaviatesOfOthers(env: Environment, weaviates: number): void {
  if (weaviates === 1 || given(env, "FRESHET_WEAVIATE_URL") === undefined) return;
  throw new SetupError(
    `--weaviate ${weaviates} starts servers of its own: unset FRESHET_WEAVIATE_URL, or leave ` +
      "--weaviate away: the nodes of a cluster of yours stand in that setting, with commas between",
  );
}

async function ensureTemporal(run: Run): Promise<TemporalAddress> {
  const { env } = run.context;
  const address = given(env, "FRESHET_TEMPORAL_ADDRESS");
  if (address === undefined) return launchTemporal(run);
  const namespace = namespaceFrom(env);
  await requireAnswer("FRESHET_TEMPORAL_ADDRESS", `${address} (namespace ${namespace})`, () =>
    isTemporalReady(address, namespace),
  );
  return { address, namespace, uiUrl: given(env, "FRESHET_TEMPORAL_UI_URL") ?? "", isOwn: false };
}

/** The development server knows no TLS: what leaves this run's processes goes through a front. */
async function launchTemporal(run: Run): Promise<TemporalAddress> {
  const start = { name: "temporal", program: run.tools.temporal, start: startTemporal };
  const plain = await launch(run, start);
  const { secure } = run.context;
  if (secure === undefined) return plain;
  run.front = await startTlsFront(secure, { port: Number(plain.address.split(":").at(-1)) });
  return { ...plain, address: run.front.address };
}

async function ensureWeaviateServer(run: Run): Promise<WeaviateAddress> {
  const { env } = run.context;
  const url = given(env, "FRESHET_WEAVIATE_URL")?.replace(/\/$/, "");
  const { weaviates = 1 } = run.options;
  if (url === undefined) {
    refuseOtherCold(run.context.dataDir, weaviates);
    const weaviate = { name: "weaviate", program: run.tools.weaviate };
    if (weaviates === 1) return launch(run, { ...weaviate, start: startWeaviate });
    return launchCluster(run, {
      ...{ ...weaviate, size: weaviatesInCluster, start: startWeaviateCluster },
    });
  }
  const apiKey = given(env, "FRESHET_WEAVIATE_API_KEY");
  const urls = url.split(",").map((node) => node.trim());
  const usual = urls.map((node) => `${new URL(node).hostname}:50051`).join(",");
  const grpc = given(env, "FRESHET_WEAVIATE_GRPC") ?? usual;
  const channels = grpc.split(",");
  // Of a cluster one is enough to begin with.
  await requireAnswer("FRESHET_WEAVIATE_URL", `${url} (gRPC ${grpc})`, async () => {
    const nodes = urls.map((node, at) =>
      isWeaviateReady({ url: node, grpc: channels[at] ?? "", apiKey }),
    );
    const answers = await Promise.allSettled(nodes);
    if (answers.some((answer) => answer.status === "fulfilled" && answer.value)) return true;
    for (const answer of answers) if (answer.status === "rejected") throw answer.reason;
    return false;
  });
  return { url: urls.join(","), grpc, apiKey };
}

async function ensureLlmServer(run: Run): Promise<LlmAddress | undefined> {
  const { env } = run.context;
  const url = given(env, "FRESHET_LLM_URL");
  if (url !== undefined) {
    const model = given(env, "FRESHET_LLM_MODEL") ?? (await firstModel(url).catch(() => undefined));
    if (model === undefined) warnExtractive(run, `${url} (FRESHET_LLM_URL) does not answer`);
    return model === undefined ? undefined : { url, model };
  }
  if (!run.options.want.llm || run.tools.llm === undefined) return undefined;
  try {
    return await launch(run, { name: "llm", program: run.tools.llm, start: startLlm });
  } catch (error) {
    warnExtractive(run, error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

function warnExtractive(run: Run, reason: string): void {
  run.options.progress.warn("llm", `answers are extractive: ${reason}`);
}

interface Launch<Program, Address> {
  readonly name: string;
  readonly program: Program | undefined;
  readonly start: (
    context: ServerContext,
    program: Program,
  ) => Promise<{ readonly server: RunningServer; readonly address: Address }>;
}

async function launch<Program, Address>(
  run: Run,
  { name, program, start }: Launch<Program, Address>,
): Promise<Address> {
  if (program === undefined) throw new Error(`no program for ${name}; this is a bug`);
  run.options.progress.start(name, "starting");
  const { server, address } = await start(run.context, program);
  supervise(run, server);
  run.options.progress.done(name, "ready");
  return address;
}

function supervise(run: Run, server: RunningServer): void {
  run.running.push(server);
  run.lock.addGroup(server.groupId);
  void server.ended.then((end) => {
    if (!end.expected) run.options.onDeath?.(end);
  });
}

async function requireAnswer(
  variable: string,
  where: string,
  check: () => Promise<boolean>,
): Promise<void> {
  const deadlineMs = performance.now() + externalPatienceMs;
  let reason = "not ready";
  do {
    try {
      if (await check()) return;
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
  } while (performance.now() < deadlineMs);
  throw new SetupError(
    `${variable} points to ${where}, which does not answer as it should (${reason}): ` +
      `start that server, or unset ${variable} to have one started here`,
  );
}

/** Stops in the order language model, Weaviate, Temporal, NATS: readers before the log. */
async function stopAll(run: Run): Promise<void> {
  await run.front?.close();
  const order = ["llm", "weaviate", "temporal"];
  const place = ({ name }: RunningServer) => {
    const at = order.findIndex((one) => name === one || name.startsWith(`${one}-`));
    return at === -1 ? order.length : at;
  };
  const servers = [...run.running].sort((a, b) => place(a) - place(b));
  for (const server of servers) await server.stop();
  run.running.length = 0;
  run.lock.release();
}

/** Waits for all of them also after a failure, so that none starts after the clean-up (SS1). */
async function allSettledOrThrow<T extends readonly Promise<unknown>[]>(
  starts: readonly [...T],
): Promise<{ -readonly [I in keyof T]: Awaited<T[I]> }> {
  const results = await Promise.allSettled(starts);
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return Promise.all(starts);
}

function given(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value === "" ? undefined : value;
}

/** Where a run keeps its data unless told otherwise. */
export function defaultDataDir(env: Environment, repository: string): string {
  return given(env, "FRESHET_DATA_DIR") ?? join(repository, ".freshet");
}

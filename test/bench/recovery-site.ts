/** Servers of this run, and an engine and a merge worker that the bench starts, kills and starts again. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../ops/servers/ports.ts";
import { startServers } from "../../ops/servers/start-servers.ts";
import { logPath, type RunningServer, startServer } from "../../ops/servers/supervise.ts";
import { ensureTools } from "../../ops/setup/ensure-tools.ts";
import { lineProgress } from "../../ops/setup/progress.ts";
import type { WeaviateAddress } from "../../src/cold/weaviate-client.ts";
import { silentLogger } from "../../src/contract/observation.ts";
import type { EngineStatus } from "../../src/contract/service.ts";
import { connectNatsLog, type NatsLog } from "../../src/log/nats/log.ts";
import { connectTemporal, type TemporalClients } from "../../src/merges/temporal/client.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { embeddedTexts } from "../support/http-service.ts";
import type { BenchContext } from "./context.ts";
import { ingestThreads } from "./models.ts";

const entry = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const readyTimeoutMs = 120_000;
const graceS = 30;
const partitions = 8;

export interface SiteOptions {
  /** Settings of the engine and the worker beside those of every site. */
  readonly env?: Readonly<Record<string, string>>;
  /** How soon hot drops what is merged; the engine's defaults without. */
  readonly merges?: { readonly confirmMs: number; readonly graceMs: number };
}

/** What one life of the engine has beside the others. */
export interface EngineLife {
  /** Of Node, such as `--inspect`. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface RecoverySite {
  readonly modelDir: string;
  readonly graphFile: string;
  readonly httpUrl: string;
  readonly natsUrl: string;
  readonly log: NatsLog;
  readonly merges: TemporalClients;
  readonly weaviate: WeaviateAddress;
  /**
   * Resolves as soon as the process runs; it is asked for its status while it recovers.
   */
  startEngine(life?: EngineLife): Promise<void>;
  /** kill -9; without an engine nothing. */
  killEngine(): Promise<void>;
  startWorker(): Promise<void>;
  stopWorker(): Promise<void>;
  /** Undefined while the engine does not answer. */
  status(): Promise<EngineStatus | undefined>;
  /** Texts of documents that this life of the engine has embedded. */
  embeddedTexts(): Promise<number>;
  stop(): Promise<void>;
}

export async function openRecoverySite(
  context: BenchContext,
  options: SiteOptions = {},
): Promise<RecoverySite> {
  const { scratch, say } = context;
  const env = Object.fromEntries(
    Object.entries(context.env).filter(([name]) => !/^FRESHET_[A-Z_]*PORT$/.test(name)),
  );
  const progress = lineProgress(
    (line) => process.stderr.write(line),
    () => performance.now(),
  );
  const all = { nats: true, temporal: true, weaviate: true, embedding: true, llm: false };
  const tools = await ensureTools({ env, progress, want: all });
  const { embedding } = tools;
  if (embedding === undefined) throw new Error("the embedding model is missing");
  const dataDir = join(scratch, "data");
  const onDeath = ({ message }: { readonly message: string }): void => say(message);
  const servers = await startServers({
    dataDir,
    env,
    progress,
    want: { llm: false },
    tools,
    onDeath,
  });
  const { nats, temporal, weaviate } = servers;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const isOwnModel = (env["FRESHET_MODEL_DIR"] ?? "") !== "";
  const { modelDir } = embedding;
  const graphFile = env["FRESHET_MODEL_GRAPH"] ?? embedding.graph;
  const processEnv = {
    ...env,
    ...options.env,
    FRESHET_DATA_DIR: dataDir,
    FRESHET_NATS_URL: nats.url,
    FRESHET_TEMPORAL_ADDRESS: temporal.address,
    FRESHET_TEMPORAL_NAMESPACE: temporal.namespace,
    FRESHET_WEAVIATE_URL: weaviate.url,
    FRESHET_WEAVIATE_GRPC: weaviate.grpc,
    FRESHET_WEAVIATE_API_KEY: weaviate.apiKey,
    ...(isOwnModel ? {} : { FRESHET_MODEL_DIR: modelDir, FRESHET_MODEL_GRAPH: graphFile }),
    FRESHET_EMBED_THREADS: String(ingestThreads),
    FRESHET_HTTP_PORT: String(port),
    FRESHET_LOG_FORMAT: "json",
    // A merge comes only when this bench asks for one.
    FRESHET_MERGE_SIZE_CHUNKS: "10000000",
    FRESHET_MERGE_AGE_MS: "600000000",
  };
  const start = (
    name: string,
    isReady: () => Promise<boolean>,
    { flags = [], env: ofLife = {} }: EngineLife = {},
  ): Promise<RunningServer> =>
    startServer({
      ...{
        name,
        env: { ...processEnv, ...ofLife },
        logFile: logPath(dataDir, name),
        readyTimeoutMs,
        graceS,
      },
      ...{ program: process.execPath, parameters: [...flags, entry, name] },
      ...{ cwd: context.root, isReady },
    });
  const shared = { clock: systemClock, logger: silentLogger };
  const log = await connectNatsLog({ ...shared, servers: nats.url, partitions, name: "bench" });
  const merges = connectTemporal({ ...shared, ...temporal, ...options.merges });
  let engine: RunningServer | undefined;
  let worker: RunningServer | undefined;
  return {
    ...{ modelDir, graphFile, httpUrl: url, natsUrl: nats.url },
    ...{ log, merges, weaviate },
    async startEngine(life) {
      engine = await start("engine", () => Promise.resolve(true), life);
    },
    async killEngine() {
      await engine?.kill();
      engine = undefined;
    },
    async startWorker() {
      const file = logPath(dataDir, "merge-worker");
      worker = await start("merge-worker", async () =>
        readFileSync(file, "utf8").includes("merge worker polls"),
      );
    },
    async stopWorker() {
      await worker?.stop();
      worker = undefined;
    },
    async status() {
      try {
        return (await (await fetch(`${url}/v1/status`)).json()) as EngineStatus;
      } catch {
        return undefined;
      }
    },
    embeddedTexts: () => embeddedTexts(url),
    async stop() {
      await worker?.stop();
      await engine?.stop();
      await Promise.all([merges.close(), log.close()]);
      await servers.stop();
    },
  };
}

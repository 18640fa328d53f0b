/**
 * The composition root: the only place that knows which vendor stands behind which port. Two
 * processes are made here, the engine (ingest, questions, surfaces) and the merge worker; they share
 * nothing but the log.
 */

import { randomUUID } from "node:crypto";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { startTopology, type Topology } from "../../actors/topology/topology.ts";
import { createOpenAiModel } from "../answer/openai.ts";
import type { LanguageModel } from "../answer/port.ts";
import { createAnswerWriter } from "../answer/writer.ts";
import { connectPeers, servePeers } from "../cluster/nats-peers.ts";
import type { ColdShard } from "../cold/port.ts";
import { connectWeaviate } from "../cold/weaviate.ts";
import type { Config } from "../config/config.ts";
import { limits } from "../contract/limits.ts";
import type { EngineStatus } from "../contract/service.ts";
import type { ModelShape } from "../embedding/model-shape.ts";
import type { Embedder } from "../embedding/port.ts";
import { startHealthChecks } from "../engine/health.ts";
import { createLocalService, createService } from "../engine/service.ts";
import { watchMain } from "../engine/stall-watch.ts";
import { createHandler } from "../gateway/handler.ts";
import { type HttpServer, startHttp } from "../gateway/http.ts";
import { type NatsService, startNatsService } from "../gateway/nats-service.ts";
import { createHotShardFactory } from "../hot/hnsw.ts";
import type { Isolation } from "../ingest/isolation/port.ts";
import { createPreparationPool } from "../ingest/preparation/pool.ts";
import type { Preparation } from "../ingest/preparation/preparation.ts";
import { createPreparer } from "../ingest/prepare.ts";
import { guardedLog } from "../log/guard/guarded-log.ts";
import { LogIdentityMonitor } from "../log/guard/identity-monitor.ts";
import { connectNatsLog } from "../log/nats/log.ts";
import type { MergeClient } from "../merges/port.ts";
import { connectTemporal } from "../merges/temporal/client.ts";
import { startMergeWorker } from "../merges/temporal/worker.ts";
import { createLogger } from "../observe/logs.ts";
import { createMetrics, type PromMetrics } from "../observe/metrics.ts";
import type { Logger } from "../observe/port.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { defaultRedactor, questionRedactor } from "../text/redaction.ts";
import { claimModel, type EmbeddingParts, openEmbedding, readModelShape } from "./embedding.ts";
import { openIsolation } from "./isolation.ts";
import { Stack } from "./stack.ts";

/** A running process part that can be stopped cleanly, once. */
export interface Running {
  /** Resolves when it has ended by itself or by `stop`; rejects when it could not go on. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

export interface Engine extends Running {
  readonly httpUrl: string;
}

export interface MergeWorkerProcess extends Running {
  /** Resolves when it polls for the first time; Temporal may come up long after the worker. */
  readonly ready: Promise<void>;
}

interface Foundation {
  readonly config: Config;
  readonly seams: Seams;
  /**
   * This process, in leases and between peers: the node's name and a random part. Two processes that were given one
   * name must not take each other's lease for their own, and a restarted one must not speak for its predecessor.
   */
  readonly identity: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: PromMetrics;
  readonly version: string;
}

type NatsLog = Awaited<ReturnType<typeof connectNatsLog>>;

/** What may stand between a process and its stores. Only a test harness puts something there. */
export interface Seams {
  readonly log?: ((log: NatsLog) => NatsLog) | undefined;
  readonly cold?: ((cold: ColdShard) => ColdShard) | undefined;
  readonly clock?: Clock | undefined;
  readonly embedder?: ((embedder: Embedder) => Embedder) | undefined;
  /** The program that is started for isolated documents, when it is not the engine's own. */
  readonly isolated?: URL | undefined;
}

function foundation(config: Config, version: string, seams: Seams): Foundation {
  const { level, format } = config.log;
  return {
    config,
    seams,
    identity: `${config.node}~${randomUUID().slice(0, 8)}`,
    clock: seams.clock ?? systemClock,
    logger: createLogger({ level, format, node: config.node }),
    metrics: createMetrics(),
    version,
  };
}

/**
 * The engine of one node: joins the log, serves the partitions it gets, and listens.
 * @throws FreshetError or Error with one line that says what to do; nothing is left running then
 */
export async function startEngine(
  config: Config,
  version: string,
  seams: Seams = {},
): Promise<Engine> {
  const base = foundation(config, version, seams);
  const stack = new Stack();
  warnOfSmallMemory(base.logger);
  try {
    stack.push("main watch", await watchMain(limits.mainStallMs), (end) => end());
    const shape = readModelShape(config);
    const { log, trust } = await connectLog(base, stack, "engine");
    const cold = stack.push("cold", connectCold(base, shape, log), (part) => part.close());
    const merges = stack.push("temporal", connectMerges(base, log), (part) => part.close());
    const opened = stack.push("embedder", await openEmbedding(base, shape), ({ embedder }) =>
      embedder.close(),
    );
    const embedding = { ...opened, embedder: seams.embedder?.(opened.embedder) ?? opened.embedder };
    await claimModel(log, embedding);
    const model = createLanguageModel(base);
    if (model !== undefined) stack.push("language model", model, (part) => part.close());
    const entry = seams.isolated ?? new URL("../main.ts", import.meta.url);
    const isolation = stack.push("isolation", openIsolation(log, { entry, ...base }), (part) =>
      part.close(),
    );
    const preparation = stack.push("preparation", openPreparation(base, embedding), (part) =>
      part.close(),
    );
    const topology = stack.push(
      "actors",
      startActors(base, { log, cold, merges, embedding, isolation, preparation, model }),
      (part) => part.stop(),
    );
    const health = stack.push(
      "health checks",
      startHealthChecks({
        clock: base.clock,
        everyMs: limits.healthEveryMs,
        checks: {
          log: () => log.connection.flush(),
          cold: () => cold.ping(),
          temporal: () => merges.ping(),
          model: model === undefined ? undefined : () => model.ping(),
        },
      }),
      (part) => part.stop(),
    );
    const services = health.states;
    const surfaces = await startSurfaces(base, { topology, log, trust, services, stack });
    const stopped = Promise.withResolvers<void>();
    log.connection.closed().then((failure) => {
      if (failure instanceof Error) stopped.reject(failure);
    }, stopped.reject);
    return {
      httpUrl: surfaces.http.url,
      ended: stopped.promise,
      stop: async () => {
        await stack.unwind(base.logger);
        stopped.resolve();
      },
    };
  } catch (thrown) {
    await stack.unwind(base.logger).catch(() => {});
    throw thrown;
  }
}

/** Its bounds are fixed: a machine that has less ends the engine when its tenants fill them, not before. */
function warnOfSmallMemory(logger: Logger): void {
  const mayTakeBytes = limits.engineBytesMax + limits.hotBytesPerNodeMax;
  const hasBytes = totalmem();
  if (hasBytes >= mayTakeBytes) return;
  logger.warn({ hasBytes, mayTakeBytes }, "an engine may take more memory than this machine has");
}

/** The merge worker: runs the activities and workflows of all tenants. Any number of them may run. */
export async function startMerges(
  config: Config,
  version: string,
  seams: Seams = {},
): Promise<MergeWorkerProcess> {
  const base = foundation(config, version, seams);
  const stack = new Stack();
  try {
    const shape = readModelShape(config);
    const { log } = await connectLog(base, stack, "merge-worker");
    const cold = stack.push("cold", connectCold(base, shape, log), (part) => part.close());
    const { temporal, merge } = config;
    const worker = await startMergeWorker({
      address: temporal.address,
      namespace: temporal.namespace,
      graceMs: merge.graceMs,
      confirmMs: merge.confirmMs,
      ageMs: merge.ageMs,
      replayWindowMs: config.replayWindowMs,
      deployment: log.deployment,
      log,
      cold,
      clock: base.clock,
      logger: base.logger,
      metrics: base.metrics,
    });
    const ended = worker.run();
    return {
      ended,
      ready: worker.ready,
      stop: async () => {
        await worker.shutdown();
        await ended;
        await stack.unwind(base.logger);
      },
    };
  } catch (thrown) {
    await stack.unwind(base.logger).catch(() => {});
    throw thrown;
  }
}

/** The log, and the guard that it is used through for as long as the process runs. */
async function connectLog(
  base: Foundation,
  stack: Stack,
  role: string,
): Promise<{ readonly log: NatsLog; readonly trust: LogIdentityMonitor }> {
  const { config, clock, logger, metrics } = base;
  const log = await connectNatsLog({
    servers: config.nats.url,
    replicas: config.nats.replicas,
    partitions: config.partitions,
    name: `freshet-${role}-${config.node}`,
    clock,
    logger,
    metrics,
  });
  const seen = stack.push("log", base.seams.log?.(log) ?? log, (part) => part.close());
  const { onReconnect } = seen;
  const everyMs = limits.identityEveryMs;
  const trust = stack.push(
    "log guard",
    new LogIdentityMonitor({ log: seen, onReconnect, clock, everyMs, logger, metrics }),
    (part) => part.stop(),
  );
  return { log: guardedLog(seen, trust), trust };
}

function connectCold(
  { config, seams, clock, logger }: Foundation,
  { dimensions }: ModelShape,
  { deployment }: NatsLog,
): ColdShard {
  const cold = connectWeaviate({ ...config.weaviate, deployment, dimensions, clock, logger });
  return seams.cold?.(cold) ?? cold;
}

function connectMerges(
  { config, clock, logger }: Foundation,
  { deployment }: NatsLog,
): MergeClient {
  const { address, namespace } = config.temporal;
  const { graceMs, confirmMs } = config.merge;
  return connectTemporal({ address, namespace, deployment, graceMs, confirmMs, clock, logger });
}

function createLanguageModel({ config, clock }: Foundation): LanguageModel | undefined {
  if (config.languageModel === undefined) return undefined;
  const { url, model, apiKey } = config.languageModel;
  return createOpenAiModel({ baseUrl: url, model, apiKey, clock });
}

interface Parts {
  readonly log: NatsLog;
  readonly cold: ColdShard;
  readonly merges: MergeClient;
  readonly embedding: EmbeddingParts;
  readonly isolation: Isolation;
  readonly preparation: Preparation;
  readonly model: LanguageModel | undefined;
}

function openPreparation(
  { clock, logger, metrics }: Foundation,
  { tokenizer, modelDir }: EmbeddingParts,
): Preparation {
  return createPreparationPool({
    ...{ settings: { modelDir }, clock, logger, metrics },
    workerUrl: new URL("../ingest/preparation/prepare-worker.ts", import.meta.url),
    prepare: createPreparer({ tokenizer, redactor: defaultRedactor }),
    limits: {
      threadsMax: limits.prepareThreadsMax,
      inlineBytesMax: limits.prepareInlineBytesMax,
      waitingPerTenantMax: limits.prepareWaitingPerTenantMax,
      deadlineMs: limits.prepareDeadlineMs,
      readyMs: limits.prepareReadyMs,
    },
  });
}

function startActors(base: Foundation, parts: Parts): Topology {
  const { config, identity, clock, logger, metrics } = base;
  const { log, cold, merges, isolation, model, preparation } = parts;
  const { embedder, tokenizer, batchSize } = parts.embedding;
  const createHot = createHotShardFactory({
    directory: join(tmpdir(), `freshet-${identity}`),
    logger,
  });
  const fence = (): string => randomUUID();
  return startTopology({
    node: identity,
    name: config.node,
    log,
    cold,
    embedder,
    isolation,
    createHot,
    tokenizer,
    preparation,
    redactor: questionRedactor,
    writer: createAnswerWriter({ model, clock, logger, metrics, fence }),
    merges,
    clock,
    metrics,
    logger,
    settings: {
      mergeSizeChunks: config.merge.sizeChunks,
      graceMs: config.merge.graceMs,
      embedBatch: batchSize,
      tenantWeights: config.tenantWeights,
      tenants: {
        max: config.tenantsMax,
        named: config.http.apiKeys.size > 0 ? new Set(config.http.apiKeys.values()) : undefined,
      },
    },
  });
}

async function startSurfaces(
  base: Foundation,
  parts: {
    readonly topology: Topology;
    readonly log: NatsLog;
    readonly trust: LogIdentityMonitor;
    readonly services: () => EngineStatus["services"];
    readonly stack: Stack;
  },
): Promise<{ readonly http: HttpServer; readonly nats: NatsService }> {
  const { config, identity: node, logger, metrics, version, clock } = base;
  const { topology, log, trust, services, stack } = parts;
  const local = createLocalService({ topology, trust, log });
  const peers = connectPeers(log.connection);
  const service = createService({ node, clock, topology, log, trust, peers, services }, local);
  const { connection } = log;
  stack.push(
    "peers",
    await servePeers({ connection, node, local, stopMs: limits.stopMs, metrics }),
    (part) => part.close(),
  );
  const handler = createHandler({ service, log: logger, clock });
  const nats = stack.push(
    "NATS service",
    await startNatsService({ connection, handler, version, stopMs: limits.stopMs, metrics }),
    (part) => part.close(),
  );
  const http = stack.push(
    "HTTP",
    await startHttp({ handler, log: logger, metrics, version, ...config.http }),
    (part) => part.close(),
  );
  return { http, nats };
}

/**
 * The engine of one node: what takes documents in and answers questions. The composition root of
 * this process; `merges.ts` is that of the other, and they share nothing but the log.
 */

import { randomUUID } from "node:crypto";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import type { Reranking } from "../../actors/question/ranking.ts";
import { startTopology, type Topology } from "../../actors/topology/topology.ts";
import type { AnswerWriter } from "../answer/port.ts";
import { createAnswerWriter } from "../answer/writer.ts";
import { createKeptAnswers } from "../answer/writer-cache.ts";
import type { ModelChain } from "../answer/writer-chain.ts";
import type { ColdShard } from "../cold/port.ts";
import type { Config } from "../config/config.ts";
import { canaryTenants } from "../contract/canary.ts";
import type { Generation } from "../contract/generation.ts";
import type { TenantId } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { decodeProbe } from "../contract/model-probe.ts";
import type { Logger } from "../contract/observation.ts";
import type { Tracer } from "../contract/tracing.ts";
import type { SparseEncoder } from "../embedding/onnx-sparse.ts";
import { Departure } from "../engine/departure.ts";
import { startHealthChecks } from "../engine/health.ts";
import { watchMain } from "../engine/stall-watch.ts";
import { createHotShardFactory } from "../hot/hnsw.ts";
import type { Isolation } from "../ingest/isolation/port.ts";
import { preparersOf } from "../ingest/preparation/names.ts";
import { createPreparationPool } from "../ingest/preparation/pool.ts";
import type { Preparation } from "../ingest/preparation/port.ts";
import type { TenantBounds } from "../log/catalogue.ts";
import type { DeliveryClient, MergeClient } from "../merges/port.ts";
import { connectTemporal } from "../merges/temporal/client.ts";
import { relevanceFittedFor } from "../retrieval/relevance.ts";
import type { TenantQuotas } from "../tenants/quotas.ts";
import type { QuestionNamesLane } from "../text/names.ts";
import { questionRedactor } from "../text/redact-fields.ts";
import { createRedactor } from "../text/redaction.ts";
import type { RedactionKeys } from "../text/redaction-keys.ts";
import { watchCertificates } from "./certificates.ts";
import { type OpenedCredentials, openCredentials } from "./credentials.ts";
import {
  claimModel,
  type EmbeddingParts,
  type GenerationEncoder,
  installedModels,
  openEmbedding,
  openGenerationEncoder,
  readModelShape,
} from "./embedding.ts";
import {
  connectCold,
  connectLog,
  type Foundation,
  foundation,
  type NatsLog,
  openReplies,
  type Running,
  type Seams,
} from "./foundation.ts";
import { openIsolation } from "./isolation.ts";
import { openModels } from "./models.ts";
import { namesFiles, openQuestionNames } from "./names.ts";
import { openQuotas } from "./quotas.ts";
import { openRedaction, textRedaction } from "./redaction.ts";
import { openReranking } from "./reranking.ts";
import { openSources, type Sources } from "./sources.ts";
import { openSparse } from "./sparse.ts";
import { Stack } from "./stack.ts";
import { startSurfaces } from "./surfaces.ts";
import { openTracing } from "./tracing.ts";

export interface Engine extends Running {
  readonly httpUrl: string;
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
    const tracer = await openTracing(base, stack, "engine");
    watchCertificates(base, stack);
    const access = openCredentials(base);
    stack.push("main watch", await watchMain(limits.mainStallMs), (end) => end());
    const shape = readModelShape(config);
    // Beside the connections: reading the model takes as long as they do.
    const opening = stack.push("embedder", openEmbedding(base, shape), closeEmbedder);
    opening.catch(() => {}); // It is thrown where it is awaited.
    const { log, trust } = await connectLog(base, stack, "engine");
    const replies = await openReplies(base, log, stack);
    const cold = stack.push("cold", connectCold(base, shape, log), (part) => part.close());
    const merges = stack.push("temporal", connectMerges(base, log, tracer), (part) => part.close());
    const embedding = await claimed(await opening, log, seams);
    const models = startModels(base, stack);
    const sparse = await startSparse(base, embedding, stack);
    const reranking = openReranking(base, stack);
    const keys = await openRedaction({ redactionKey: config.redactionKey?.() }, log);
    const entry = seams.isolated ?? new URL("../main.ts", import.meta.url);
    const isolation = stack.push(
      "isolation",
      openIsolation(log, { entry, keys, ...base }),
      (part) => part.close(),
    );
    const preparation = stack.push("preparation", openPreparation(base, embedding, keys), (part) =>
      part.close(),
    );
    const names = await startNames(base, keys, stack);
    const sources = openSources(base, log);
    const quotas = stack.push("quotas", openQuotas(base, log.tokens), (part) => part.close());
    const topology = stack.push(
      "actors",
      startActors(base, {
        ...{ log, cold, merges, embedding, sparse, isolation },
        ...{ preparation, keys, models, reranking, sources, access, names, quotas, tracer },
      }),
      (part) => part.stop(),
    );
    const watched = { log, replies, cold, merges, models };
    const health = stack.push("health checks", watchServices(base, watched), (part) => part.stop());
    const services = health.states;
    const surfaces = await startSurfaces(base, {
      ...{ topology, log, replies, cold, merges, trust, services, stack, sources, tracer },
      credentials: access.credentials,
      redact: textRedaction(keys, names),
      departure: departureOf(base, topology),
    });
    const stopped = untilLost(log);
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

async function claimed(
  opened: EmbeddingParts,
  log: NatsLog,
  { embedder }: Seams,
): Promise<EmbeddingParts> {
  const embedding = { ...opened, embedder: embedder?.(opened.embedder) ?? opened.embedder };
  await claimModel(log, embedding);
  return embedding;
}

function departureOf({ config, clock, logger }: Foundation, topology: Topology): Departure {
  const noticeMs = config.stopNoticeMs;
  return new Departure({ topology, clock, logger, noticeMs, stopMs: limits.stopMs });
}

/** Rejects when the connection to the log is lost for good. */
function untilLost({ connection }: Pick<NatsLog, "connection">): PromiseWithResolvers<void> {
  const stopped = Promise.withResolvers<void>();
  connection.closed().then((failure) => {
    if (failure instanceof Error) stopped.reject(failure);
  }, stopped.reject);
  return stopped;
}

async function startNames(
  base: Foundation,
  keys: RedactionKeys,
  stack: Stack,
): Promise<QuestionNamesLane | undefined> {
  const names = openQuestionNames(base, keys);
  if (names === undefined) return undefined;
  stack.push("model of names", names, (part) => part.close());
  await names.start();
  return names;
}

function startModels(base: Foundation, stack: Stack): ReturnType<typeof openModels> {
  const models = openModels(base);
  if (models !== undefined) stack.push("language models", models, (part) => part.close());
  return models;
}

async function startSparse(
  base: Foundation,
  embedding: EmbeddingParts,
  stack: Stack,
): Promise<SparseEncoder | undefined> {
  const sparse = await openSparse(base, embedding);
  if (sparse !== undefined) stack.push("sparse encoder", sparse, (part) => part.close());
  return sparse;
}

/** Also one that is still being opened when a connection fails. */
async function closeEmbedder(opening: Promise<EmbeddingParts>): Promise<void> {
  const opened = await opening.catch(() => undefined);
  await opened?.embedder.close();
}

interface Watched extends Pick<Parts, "log" | "cold" | "merges" | "models"> {
  readonly replies: NatsLog["connection"];
}

function watchServices(
  { clock }: Foundation,
  { log, replies, cold, merges, models }: Watched,
): ReturnType<typeof startHealthChecks> {
  return startHealthChecks({
    clock,
    everyMs: limits.healthEveryMs,
    checks: {
      log: async () => void (await Promise.all([log.connection.flush(), replies.flush()])),
      cold: () => cold.ping(),
      temporal: () => merges.ping(),
      model: models === undefined ? undefined : () => models.ping(),
    },
  });
}

/**
 * Its bounds are fixed: a machine that has less ends the engine when its tenants fill them, not
 * before.
 */
function warnOfSmallMemory(logger: Logger): void {
  const mayTakeBytes = limits.engineBytesMax + limits.hotBytesPerNodeMax;
  const hasBytes = totalmem();
  if (hasBytes >= mayTakeBytes) return;
  logger.warn({ hasBytes, mayTakeBytes }, "an engine may take more memory than this machine has");
}

function connectMerges(
  { config, clock, logger }: Foundation,
  { deployment }: NatsLog,
  tracer: Tracer,
): MergeClient & DeliveryClient {
  const { graceMs, confirmMs } = config.merge;
  const own = { deployment, graceMs, confirmMs, clock, logger, tracer };
  return connectTemporal({ ...config.temporal, ...own });
}

interface Parts {
  readonly log: NatsLog;
  readonly cold: ColdShard;
  readonly merges: MergeClient;
  readonly embedding: EmbeddingParts;
  readonly sparse: SparseEncoder | undefined;
  readonly isolation: Isolation;
  readonly preparation: Preparation;
  readonly keys: RedactionKeys;
  readonly names: QuestionNamesLane | undefined;
  readonly models: ModelChain | undefined;
  readonly reranking: Reranking | undefined;
  readonly sources: Sources;
  readonly access: OpenedCredentials;
  readonly quotas: TenantQuotas;
  readonly tracer: Tracer;
}

/** The canary's tenants come beside those of the users. */
function tenantBounds(
  { canary, tenantsMax, partitions }: Config,
  named: OpenedCredentials["named"],
): TenantBounds {
  if (!canary) return { max: tenantsMax, named };
  const own = new Set(canaryTenants(partitions).values());
  const has = (tenant: TenantId) => own.has(tenant) || named?.has(tenant) === true;
  return { max: tenantsMax + own.size, named: named && { has } };
}

function openPreparation(
  { config, clock, logger, metrics }: Foundation,
  { tokenizer, modelDir }: EmbeddingParts,
  keys: RedactionKeys,
): Preparation {
  const ids = config.documentIds;
  const names = namesFiles(config);
  const preparerOf = preparersOf({ tokenizer, ids }, undefined);
  return createPreparationPool({
    settings: { modelDir, ids, names },
    clock,
    logger,
    metrics,
    workerUrl: new URL("../ingest/preparation/prepare-worker.ts", import.meta.url),
    preparerOf: (tenant) => preparerOf(keys.of(tenant)),
    redactionKeyOf: (tenant) => keys.of(tenant),
    limits: {
      threadsMax: limits.prepareThreadsMax,
      // The model of names is in the threads alone.
      inlineBytesMax: names === undefined ? limits.prepareInlineBytesMax : 0,
      waitingPerTenantMax: limits.prepareWaitingPerTenantMax,
      deadlineMs: names === undefined ? limits.prepareDeadlineMs : limits.prepareNamesDeadlineMs,
      readyMs: limits.prepareReadyMs,
    },
  });
}

function createWriter(
  { config, clock, metrics }: Foundation,
  models: ModelChain | undefined,
): AnswerWriter {
  const fence = (): string => randomUUID();
  const writer = createAnswerWriter({ models, clock, fence });
  if (models === undefined || !config.answerCache) return writer;
  return createKeptAnswers({
    ...{ writer, clock, metrics },
    models: models.name,
    kept: {
      bytesMax: limits.questionAnswerBytesMax,
      ownerBytesMax: limits.questionAnswerBytesPerTenantMax,
      keptMs: limits.questionKeptMs,
      now: () => clock.monotonicMs(),
    },
  });
}

/** What "nothing relevant" means is measured for one model's cosines. */
function declinesIrrelevant({ declineIrrelevant }: Config, model: string): boolean {
  if (declineIrrelevant === "auto") return model.toLowerCase().endsWith(relevanceFittedFor);
  return declineIrrelevant === "on";
}

/** Of a tenant that is, or was, re-embedded. */
function openEncoder(base: Foundation, { model, probe }: Generation): Promise<GenerationEncoder> {
  const expected = probe === undefined ? undefined : decodeProbe(probe);
  return openGenerationEncoder(base, model ?? "", expected);
}

function startActors(base: Foundation, parts: Parts): Topology {
  const { config, identity, clock, logger, metrics } = base;
  const {
    log,
    cold,
    merges,
    isolation,
    models,
    preparation,
    keys,
    sources,
    names,
    quotas,
    tracer,
  } = parts;
  const { embedder, tokenizer, batchSize } = parts.embedding;
  const createHot = createHotShardFactory({
    directory: join(tmpdir(), `freshet-${identity}`),
    logger,
  });
  return startTopology({
    node: identity,
    name: config.node,
    log,
    cold,
    embedder,
    openEncoder: (generation) => openEncoder(base, generation),
    installedModels: () => installedModels(config),
    sparse: parts.sparse,
    isolation,
    createHot,
    tokenizer,
    preparation,
    redactorOf: (tenant) => questionRedactor(createRedactor(keys.of(tenant))),
    questionNames: names,
    writer: createWriter(base, models),
    reranking: parts.reranking,
    merges,
    sources,
    quotas,
    clock,
    metrics,
    tracer,
    logger,
    settings: {
      mergeSizeChunks: config.merge.sizeChunks,
      graceMs: config.merge.graceMs,
      keptBytesMax: config.hotKeptBytes,
      embedBatch: batchSize,
      keepsForEqualQuestions: config.answerCache,
      declines: declinesIrrelevant(config, embedder.model.name),
      tenantWeights: config.tenantWeights,
      tenantSleepMs: config.tenantSleepMs,
      replayWindowMs: config.replayWindowMs,
      tenants: tenantBounds(config, parts.access.named),
    },
  });
}

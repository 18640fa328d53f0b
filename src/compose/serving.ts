/**
 * The greater part of an engine, on a log that is open and a model that is being read: cold,
 * merges, the actors, and what faces callers (`engine.ts`).
 */

import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
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
import type { Tracer } from "../contract/tracing.ts";
import type { ModelShape } from "../embedding/model-shape.ts";
import type { SparseEncoder } from "../embedding/onnx-sparse.ts";
import { Departure } from "../engine/departure.ts";
import { startHealthChecks } from "../engine/health.ts";
import { createHotShardFactory } from "../hot/hnsw.ts";
import type { Isolation } from "../ingest/isolation/port.ts";
import { preparersOf } from "../ingest/preparation/names.ts";
import { createPreparationPool } from "../ingest/preparation/pool.ts";
import type { Preparation } from "../ingest/preparation/port.ts";
import type { TenantBounds } from "../log/catalogue.ts";
import type { LogIdentityMonitor } from "../log/guard/identity-monitor.ts";
import type { DeliveryClient, EraseClient, MergeClient } from "../merges/port.ts";
import { connectTemporal } from "../merges/temporal/client.ts";
import { relevanceFittedFor } from "../retrieval/relevance.ts";
import type { TenantQuotas } from "../tenants/quotas.ts";
import type { QuestionNamesLane } from "../text/names.ts";
import { questionRedactor } from "../text/redact-fields.ts";
import { createRedactor } from "../text/redaction.ts";
import type { RedactionKeys } from "../text/redaction-keys.ts";
import { connectCold } from "./cold.ts";
import type { OpenedCredentials } from "./credentials.ts";
import {
  claimModel,
  type EmbeddingParts,
  type GenerationEncoder,
  installedModels,
  openGenerationEncoder,
} from "./embedding.ts";
import type { Foundation, NatsLog, Seams } from "./foundation.ts";
import { openIsolation } from "./isolation.ts";
import { openModels } from "./models.ts";
import { namesFiles, openQuestionNames } from "./names.ts";
import { openQuotas } from "./quotas.ts";
import { openRedaction, textRedaction } from "./redaction.ts";
import { openReranking } from "./reranking.ts";
import { openSources, type Sources } from "./sources.ts";
import { openSparse } from "./sparse.ts";
import type { Stack } from "./stack.ts";
import { startSurfaces } from "./surfaces.ts";

export interface Opened {
  readonly shape: ModelShape;
  readonly opening: Promise<EmbeddingParts>;
  readonly tracer: Tracer;
  readonly access: OpenedCredentials;
  readonly log: NatsLog;
  readonly trust: LogIdentityMonitor;
  readonly replies: NatsLog["connection"];
}

/** Serves its partitions, and listens. What it started is on the stack, also when it throws. */
export async function serve(
  base: Foundation,
  stack: Stack,
  { shape, opening, tracer, access, log, trust, replies }: Opened,
): Promise<{ readonly httpUrl: string }> {
  const { config, seams } = base;
  const cold = stack.push("cold", connectCold(base, shape, log), (part) => part.close());
  const merges = stack.push("temporal", connectMerges(base, log, tracer), (part) => part.close());
  const embedding = await claimed(await opening, log, seams);
  const models = startModels(base, stack);
  const sparse = await startSparse(base, embedding, stack);
  const reranking = openReranking(base, stack);
  const keys = await openRedaction({ redactionKey: config.redactionKey?.() }, log);
  const entry = seams.isolated ?? new URL("../main.ts", import.meta.url);
  const isolation = stack.push("isolation", openIsolation(log, { entry, keys, ...base }), (part) =>
    part.close(),
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
  const watched = { log, replies, cold, merges, models, embedding };
  const health = stack.push("health checks", watchServices(base, watched), (part) => part.stop());
  const services = health.states;
  const surfaces = await startSurfaces(base, {
    ...{ topology, log, replies, cold, merges, trust, services, stack, sources, tracer },
    credentials: access.credentials,
    redact: textRedaction(keys, names),
    departure: departureOf(base, topology),
  });
  return { httpUrl: surfaces.http.url };
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

interface Watched extends Pick<Parts, "log" | "cold" | "merges" | "models" | "embedding"> {
  readonly replies: NatsLog["connection"];
}

function watchServices(
  { clock }: Foundation,
  { log, replies, cold, merges, models, embedding: { embedder } }: Watched,
): ReturnType<typeof startHealthChecks> {
  return startHealthChecks({
    clock,
    everyMs: limits.healthEveryMs,
    checks: {
      log: async () => void (await Promise.all([log.connection.flush(), replies.flush()])),
      cold: () => cold.ping(),
      temporal: () => merges.ping(),
      model: models === undefined ? undefined : () => models.ping(),
      embedding: embedder.ping?.bind(embedder),
    },
  });
}

function connectMerges(
  { config, clock, logger }: Foundation,
  { deployment }: NatsLog,
  tracer: Tracer,
): MergeClient & EraseClient & DeliveryClient {
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
  const createHot = createHotShardFactory({ directory: tmpdir(), logger });
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

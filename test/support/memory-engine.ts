/**
 * A whole engine in one process and without servers: the real actors, hot shard, activities, redaction,
 * chunking, fusion and writer; log, cold shard, embedder and tokenizer in memory. One log and one cold
 * shard outlive any number of nodes, as servers would.
 */

import { startTopology, type Topology } from "../../actors/topology/topology.ts";
import type { LanguageModel } from "../../src/answer/port.ts";
import { createAnswerWriter } from "../../src/answer/writer.ts";
import { createKeptAnswers } from "../../src/answer/writer-cache.ts";
import { documentHasExpired } from "../../src/cold/document-expiry.ts";
import { documentLabels } from "../../src/cold/document-labels.ts";
import { createMemoryCold, type MemoryCold } from "../../src/cold/memory.ts";
import type { AclDefault } from "../../src/contract/access.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { DocumentEvent } from "../../src/contract/events.ts";
import type { TenantId } from "../../src/contract/ids.ts";
import { type Metrics, silentLogger, silentMetrics } from "../../src/contract/observation.ts";
import type { AnswerDefaults, Quota } from "../../src/contract/quota.ts";
import type { Peers, Service } from "../../src/contract/service.ts";
import type { Tracer } from "../../src/contract/tracing.ts";
import { createMemoryEmbedder } from "../../src/embedding/memory.ts";
import type { Embedder } from "../../src/embedding/port.ts";
import { createLocalService } from "../../src/engine/local-service.ts";
import { createService } from "../../src/engine/service.ts";
import { createExactHotShardFactory } from "../../src/hot/memory.ts";
import { inlinePreparation } from "../../src/ingest/preparation/inline.ts";
import { createPreparer } from "../../src/ingest/preparer.ts";
import type { TenantBounds } from "../../src/log/catalogue.ts";
import { createMemoryLog, type MemoryLog } from "../../src/log/memory/log.ts";
import type { Log } from "../../src/log/port.ts";
import { createMemoryMerges } from "../../src/merges/memory.ts";
import type { EraseClient, MergeClient } from "../../src/merges/port.ts";
import { type Clock, systemClock } from "../../src/runtime/clock.ts";
import { createMemoryTokenizer } from "../../src/text/memory.ts";
import { questionRedactor } from "../../src/text/redact-fields.ts";
import { chainOf } from "../answer/chain-kit.ts";
import { inProcessIsolation } from "./in-process-isolation.ts";
import { quotasForAll } from "./quotas.ts";
import { testRedactor } from "./redactor.ts";
import { testSigner } from "./signer.ts";

/** There is one node only: whoever else is asked for is gone. */
const alone: Peers = {
  ask: () => Promise.reject(new FreshetError("not_ready")),
  document: () => Promise.reject(new FreshetError("not_ready")),
  documents: () => Promise.reject(new FreshetError("not_ready")),
  admit: () => Promise.reject(new FreshetError("not_ready")),
  usage: () => Promise.reject(new FreshetError("not_ready")),
};

const alwaysTrusted = { pass: () => Promise.resolve(), refusal: undefined };

export interface MemoryEngineOptions {
  readonly tracer?: Tracer | undefined;
  readonly clock?: Clock | undefined;
  readonly partitions?: number | undefined;
  readonly tenants?: TenantBounds | undefined;
  readonly graceMs?: number | undefined;
  readonly mergeSizeChunks?: number | undefined;
  /** 0: what is merged is dropped, so that questions ask cold. */
  readonly keptBytesMax?: number | undefined;
  readonly tenantWeights?: ReadonlyMap<TenantId, number> | undefined;
  /** Without one, answers are cited sentences. */
  readonly model?: LanguageModel | undefined;
  readonly metrics?: Metrics | undefined;
  readonly aclDefault?: AclDefault | undefined;
  /** Of every tenant; unlimited by default. */
  readonly quota?: (() => Quota) | undefined;
  /** How answers of every tenant are written. */
  readonly answers?: (() => AnswerDefaults) | undefined;
  readonly tenantSleepMs?: number | undefined;
  readonly confirmMs?: number | undefined;
  /** Another one than that in memory; `event` hears nothing of it. */
  readonly log?: Log | undefined;
  /** Of its nodes, which are numbered; `node` by default. */
  readonly name?: string | undefined;
  /** Other engines on the same log. */
  readonly peers?: Peers | undefined;
}

export interface MemoryEngine {
  readonly clock: Clock;
  readonly log: MemoryLog;
  readonly cold: MemoryCold;
  readonly merges: MergeClient & EraseClient;
  readonly graceMs: number;
  /** Texts that came to the embedder, from documents and questions. */
  readonly embedded: readonly string[];
  /** Of the node that runs now. */
  readonly service: Service;
  readonly topology: Topology;
  /** The event of the operation with this sequence, when it comes. */
  event(seq: number): Promise<DocumentEvent>;
  /** Stops the node and starts another one on the same log: what was in memory is gone. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export function startMemoryEngine(options: MemoryEngineOptions = {}): MemoryEngine {
  const { clock = systemClock, graceMs = 20, partitions = 4 } = options;
  const log = (options.log ?? createMemoryLog({ clock, partitions })) as MemoryLog;
  const cold = createMemoryCold();
  const reports = { logger: silentLogger, metrics: options.metrics ?? silentMetrics };
  const merges = createMemoryMerges({
    ...{ log, cold, clock, graceMs, ...reports, sign: testSigner },
    ...(options.confirmMs === undefined ? {} : { confirmMs: options.confirmMs }),
  });
  const embedded: string[] = [];
  const embedder = listening(createMemoryEmbedder(), embedded);
  const tokenizer = createMemoryTokenizer();
  const prepare = createPreparer({ tokenizer, redactor: testRedactor });
  const preparation = inlinePreparation({
    preparerOf: () => prepare,
    clock,
    metrics: silentMetrics,
  });
  const { documentTextBytesMax } = log;
  const isolation = inProcessIsolation({ prepare, embedder, documentTextBytesMax });
  const models = options.model && chainOf([options.model], { clock, ...reports });
  const plain = createAnswerWriter({ models, clock, fence });
  const now = (): number => clock.monotonicMs();
  const kept = { bytesMax: 4_000_000, ownerBytesMax: 1_000_000, keptMs: 300_000, now };
  const writer =
    models === undefined
      ? plain
      : createKeptAnswers({ ...{ writer: plain, kept, clock }, ...reports, models: models.name });
  let nodes = 0;
  const startNode = () => {
    nodes += 1;
    const node = `${options.name ?? "node"}-${nodes}`;
    const topology = startTopology({
      ...{
        node,
        log,
        cold,
        embedder,
        isolation,
        tokenizer,
        preparation,
        merges,
        clock,
        ...reports,
        quotas: quotasForAll(options.quota ?? (() => ({})), {
          ...{ clock, journal: log.tokens, metrics: reports.metrics, answers: options.answers },
        }),
        tracer: options.tracer,
      },
      createHot: createExactHotShardFactory(),
      redactorOf: () => questionRedactor(testRedactor),
      writer,
      settings: {
        mergeSizeChunks: options.mergeSizeChunks ?? Number.MAX_SAFE_INTEGER,
        graceMs,
        keptBytesMax: options.keptBytesMax,
        tenantWeights: options.tenantWeights,
        tenantSleepMs: options.tenantSleepMs,
        tenants: options.tenants,
      },
    });
    const services = { log: "up", cold: "up", temporal: "up", model: "none" } as const;
    const coldOf = {
      walk: cold.walk.bind(cold),
      count: cold.count.bind(cold),
      labels: cold.labels.bind(cold),
      labelsOf: (document: Parameters<typeof documentLabels>[1]) => documentLabels(cold, document),
      hasExpired: (document: Parameters<typeof documentHasExpired>[1], atMs: number) =>
        documentHasExpired(cold, document, atMs),
    };
    const { aclDefault } = options;
    const parts = { topology, trust: alwaysTrusted, log, cold: coldOf, clock };
    const local = createLocalService({ ...parts, aclDefault });
    const service = createService(
      {
        ...{ node, clock, topology, log, trust: alwaysTrusted, peers: options.peers ?? alone },
        services: () => services,
        redact: async (_, texts) => texts.map((text) => questionRedactor(testRedactor).line(text)),
      },
      local,
    );
    return { topology, service };
  };
  let current = startNode();
  return {
    ...{ clock, log, cold, merges, graceMs, embedded },
    get service() {
      return current.service;
    },
    get topology() {
      return current.topology;
    },
    event: (seq) => eventOf(log, seq),
    async restart() {
      await current.topology.stop();
      current = startNode();
    },
    async stop() {
      await merges.close();
      await current.topology.stop();
      await embedder.close();
      await log.close();
    },
  };
}

let fences = 0;

function fence(): string {
  fences += 1;
  return `fence-${fences}`;
}

function listening(embedder: Embedder, heard: string[]): Embedder {
  return {
    model: embedder.model,
    embed: (batch, options) => {
      heard.push(...batch.map(({ text }) => text));
      return embedder.embed(batch, options);
    },
    close: () => embedder.close(),
  };
}

function eventOf({ hooks }: MemoryLog, seq: number): Promise<DocumentEvent> {
  const past = hooks.published.find(({ event }) => event.seq === seq);
  if (past !== undefined) return Promise.resolve(past.event);
  return new Promise((resolve) => {
    const end = hooks.onEvent(({ event }) => {
      if (event.seq !== seq) return;
      end();
      resolve(event);
    });
  });
}

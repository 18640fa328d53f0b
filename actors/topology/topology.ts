/**
 * The wiring: every actor of a node, downstream first, each receiving only the mailboxes it sends to.
 * README.md draws it. Nothing else spawns an actor.
 */

import type { AnswerWriter } from "../../src/answer/port.ts";
import type { ColdShard } from "../../src/cold/port.ts";
import { FreshetError } from "../../src/contract/errors.ts";
import type { Epoch, Partition, TenantId } from "../../src/contract/ids.ts";
import { limits } from "../../src/contract/limits.ts";
import { type BatchSize, batchSizeOf } from "../../src/embedding/batch-size.ts";
import { probeText } from "../../src/embedding/model-probe.ts";
import type { Embedder, Lane } from "../../src/embedding/port.ts";
import type { HotShardFactory } from "../../src/hot/port.ts";
import type { Isolation } from "../../src/ingest/isolation/port.ts";
import type { Preparation } from "../../src/ingest/preparation/port.ts";
import { type TenantBounds, TenantCatalogue } from "../../src/log/catalogue.ts";
import type { Log } from "../../src/log/port.ts";
import type { MergeClient } from "../../src/merges/port.ts";
import type { Logger, Metrics } from "../../src/observe/port.ts";
import type { Clock } from "../../src/runtime/clock.ts";
import { FairShares } from "../../src/runtime/fair-shares.ts";
import type { Mailbox } from "../../src/runtime/mailbox.ts";
import { type ActorRef, ActorSystem } from "../../src/runtime/system.ts";
import type { Tokenizer } from "../../src/text/port.ts";
import { type NodeBytes, nodeBytes, TenantBytes } from "../directory/bytes.ts";
import {
  Directory,
  newRoute,
  noProgress,
  type Proofs,
  recoveringStatus,
  type TenantEntry,
} from "../directory/directory.ts";
import { HotMemory } from "../directory/hot-memory.ts";
import { embedderActor } from "../embedder/embedder.ts";
import { inShares } from "../embedder/shares.ts";
import { manifestWatcherActor } from "../manifest-watcher.ts";
import { membershipActor } from "../membership.ts";
import { mergeTriggerActor } from "../merge-trigger.ts";
import type {
  EmbedderMessage,
  MergeTriggerMessage,
  PartitionMessage,
  QuestionMessage,
  TenantViewMessage,
  TenantWriterMessage,
} from "../messages.ts";
import { createProofs } from "../partition/lease-proofs.ts";
import { partitionActor, type TenantHandle } from "../partition/partition.ts";
import { questionActor } from "../question/question.ts";
import { type QuestionTurns, questionTurns } from "../question/turns.ts";
import { tenantViewActor } from "../tenant-view/view.ts";
import { tenantWriterActor } from "../tenant-writer/writer.ts";
import {
  backoff,
  checkWeights,
  kindOf,
  questionPlaces,
  recordBytes,
  tenantLimits,
} from "./parts.ts";

export interface TopologyOptions {
  /** This process, as leases name it. */
  readonly node: string;
  /** The node's name in the deployment; `node` unless told otherwise. */
  readonly name?: string | undefined;
  readonly log: Log;
  readonly cold: ColdShard;
  readonly embedder: Embedder;
  readonly isolation: Pick<Isolation, "process">;
  readonly createHot: HotShardFactory;
  readonly tokenizer: Tokenizer;
  readonly preparation: Pick<Preparation, "prepare">;
  /** Begins the redaction of one question. */
  readonly redactor: () => (text: string) => string;
  readonly writer: AnswerWriter;
  readonly merges: Pick<MergeClient, "due">;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly settings: {
    readonly mergeSizeChunks: number;
    readonly graceMs: number;
    /** What suits whatever computes the vectors; a CPU, unless told otherwise. */
    readonly embedBatch?: BatchSize | undefined;
    /** Shares of the embedder while tenants wait for it; above zero. A tenant that is not named has 1. */
    readonly tenantWeights?: ReadonlyMap<TenantId, number> | undefined;
    /** Who may come in without having records; anybody up to `limits.tenantsMax`, unless told otherwise. */
    readonly tenants?: TenantBounds | undefined;
  };
}

export interface Topology {
  readonly directory: Directory;
  readonly questions: QuestionTurns;
  readonly system: ActorSystem;
  /** True while hot memory has no room: publishers are refused (I11). */
  isHotFull(tenant: TenantId): boolean;
  /** True while this node serves the tenant's partition, as far as it knows: who is asked. What is said is proved (I6). */
  isOwner(tenant: TenantId): boolean;
  readonly proofs: Proofs;
  /** Questions in hand end first, then ingest, then leases are given back. */
  stop(): Promise<void>;
}

const renewEveryMs = limits.leaseMs / 3;

/** @throws RangeError when a tenant's weight is no number above zero */
export function startTopology(options: TopologyOptions): Topology {
  const { log, clock, metrics, logger } = options;
  checkWeights(options.settings.tenantWeights);
  const system = new ActorSystem({
    clock,
    restart: { ...backoff, restartsMax: limits.restartsMax, windowMs: limits.restartWindowMs },
    stopMs: limits.stopMs,
    unanswered: () => new FreshetError("not_ready"),
    onRestart: (actor, failure) => {
      metrics.count("actor_restarts_total", { actor: kindOf(actor) });
      logger.error({ actor, err: failure }, "an actor failed and starts again");
    },
    onEscalate: (actor, failure) =>
      logger.error({ actor, err: failure }, "an actor failed for good"),
  });
  const directory = new Directory(log.partitions);
  const ingestEmbedder = spawnEmbedder(system, options, "ingest");
  const queryEmbedder = spawnEmbedder(system, options, "query");
  const mergeTrigger = system.spawn<MergeTriggerMessage>({
    name: "merge-trigger",
    capacity: limits.mergeTriggerMailboxMax,
    behaviour: mergeTriggerActor({
      merges: options.merges,
      everyMs: limits.mergeRequestEveryMs,
      logger,
    }),
  });
  const hot = new HotMemory(directory, clock);
  const recoveries = new FairShares({ total: limits.recoveriesInFlightMax });
  const texts = new FairShares({ total: limits.embedQueueTextsMax });
  const ingest = inShares(ingestEmbedder.mailbox, texts);
  const bounds = options.settings.tenants ?? { max: limits.tenantsMax };
  const catalogue = new TenantCatalogue(bounds, log.chunks);
  const node = { system, options, directory, recoveries, catalogue, bytes: nodeBytes() };
  const wiring = { ...node, ingest, mergeTrigger, hot };
  const partitions = [...directory.partitions.keys()].map((partition) =>
    spawnPartition(partition, wiring),
  );
  spawnMembership(system, options, partitions);
  const proofs = createProofs(options, partitions);
  system.spawn<never>({
    name: "manifest-watcher",
    capacity: 1,
    behaviour: manifestWatcherActor({
      manifests: log.manifests,
      directory,
      retryMs: limits.restartBackoffMinMs,
      logger,
    }),
  });
  const questions = spawnQuestions(system, options, { directory, queryEmbedder, proofs });
  const [anyQuestion] = questions;
  if (anyQuestion === undefined) throw new RangeError("a node answers one question at least");
  return {
    directory,
    proofs,
    questions: questionTurns({ pool: anyQuestion.mailbox, places: questionPlaces(), clock }),
    system,
    isHotFull: (tenant) => hot.isFull(tenant),
    isOwner: (tenant) => {
      const { state, validUntilMs } = directory.partitionOf(tenant);
      return state === "serving" && clock.monotonicMs() < validUntilMs;
    },
    stop: async () => {
      await Promise.all(questions.map((question) => question.stop()));
      await system.stop();
    },
  };
}

interface PartitionWiring {
  readonly system: ActorSystem;
  readonly options: TopologyOptions;
  readonly directory: Directory;
  readonly ingest: Pick<Mailbox<EmbedderMessage>, "put">;
  readonly mergeTrigger: ActorRef<MergeTriggerMessage>;
  readonly hot: HotMemory;
  readonly recoveries: FairShares;
  readonly catalogue: TenantCatalogue;
  readonly bytes: NodeBytes;
}

function spawnPartition(partition: Partition, wiring: PartitionWiring): ActorRef<PartitionMessage> {
  const { system, options, directory } = wiring;
  const { log, metrics, logger, node } = options;
  const actor: ActorRef<PartitionMessage> = system.spawn<PartitionMessage>({
    name: `partition/${partition}`,
    capacity: limits.partitionMailboxMax,
    behaviour: partitionActor({
      partition,
      node,
      name: options.name ?? node,
      log,
      entry: directory.partition(partition),
      catalogue: wiring.catalogue,
      spawnTenant: (tenant, epoch) =>
        spawnTenant({ tenant, epoch, wiring, partition: () => actor.mailbox }),
      renewEveryMs,
      takeAnywayMs: limits.partitionTakeAnywayMs,
      respawnMs: limits.restartBackoffMaxMs,
      pullMax: limits.pullMax,
      metrics,
      logger,
    }),
  });
  return actor;
}

function spawnMembership(
  system: ActorSystem,
  { name, node, log, logger }: TopologyOptions,
  partitions: readonly ActorRef<PartitionMessage>[],
): void {
  system.spawn<never>({
    name: "membership",
    capacity: 1,
    behaviour: membershipActor({
      name: name ?? node,
      leases: log.leases,
      partitions: partitions.map(({ mailbox }) => mailbox),
      announceEveryMs: renewEveryMs,
      lookEveryMs: limits.membershipLookEveryMs,
      settleMs: limits.membershipSettleMs,
      logger,
    }),
  });
}

interface TenantWiring {
  readonly tenant: TenantId;
  readonly epoch: Epoch;
  readonly wiring: PartitionWiring;
  readonly partition: () => Mailbox<PartitionMessage>;
}

/** A tenant is two actors: the shard that answers, and the tenant that writes the log and feeds it. */
function spawnTenant({ tenant, epoch, wiring, partition }: TenantWiring): TenantHandle {
  const { system, options, ingest, mergeTrigger } = wiring;
  const { hot, recoveries } = wiring;
  const progress = noProgress();
  const bytes = new TenantBytes(tenant, wiring.bytes, options.log.documentTextBytesMax);
  const { log, metrics, logger, embedder, settings, preparation, isolation } = options;
  // A partition of many tenants may fail with all of them at once: who finds its mailbox full waits for room.
  const failed = (): void => void partition().put({ type: "tenant-failed", tenant });
  const shard = system.spawn<TenantViewMessage>({
    name: `shard/${tenant}`,
    capacity: limits.shardMailboxMax,
    weight: { max: limits.shardMailboxBytesMax, of: recordBytes },
    onEscalate: failed,
    behaviour: tenantViewActor({
      tenant,
      createHot: () => options.createHot({ dimensions: embedder.model.dimensions }),
      graceMs: settings.graceMs,
      markerEveryMs: limits.coldMarkerEveryMs,
      mergeSizeChunks: settings.mergeSizeChunks,
      events: log.events,
      mergeTrigger: mergeTrigger.mailbox,
      metrics,
      requestLoad: async (signal) => {
        await entry.route.mailbox.put({ type: "reload" }, signal);
      },
      publishStatus: (status) => {
        entry.status = status;
      },
    }),
  });
  const writer: ActorRef<TenantWriterMessage> = system.spawn<TenantWriterMessage>({
    name: `tenant/${tenant}`,
    capacity: limits.tenantQueueMax,
    onEscalate: failed,
    behaviour: tenantWriterActor({
      ...{ tenant, epoch, log, preparation, isolation },
      model: embedder.model.fingerprint,
      embedder: ingest,
      shard: shard.mailbox,
      mergeTrigger: mergeTrigger.mailbox,
      route: () => entry.route,
      progress,
      recoveries,
      isHotFull: () => hot.isFull(tenant),
      makesRoom: () => hot.askForRoom(tenant),
      onFenced: (by) => void partition().put({ type: "fenced", epoch: by }),
      limits: tenantLimits,
      metrics,
      logger,
    }),
  });
  const entry: TenantEntry = {
    tenant,
    epoch,
    shard: shard.mailbox,
    route: newRoute(writer.mailbox, bytes),
    progress,
    status: recoveringStatus,
  };
  return {
    entry,
    stop: async () => {
      await writer.stop();
      await shard.stop();
      bytes.close();
    },
  };
}

function spawnEmbedder(
  system: ActorSystem,
  { embedder, tokenizer, metrics, settings }: TopologyOptions,
  lane: Lane,
): ActorRef<EmbedderMessage> {
  const { paddedTokensMax, itemsMax, queryItemsMax, parallelMax, inFlightMax } =
    settings.embedBatch ?? batchSizeOf("cpu");
  return system.spawn<EmbedderMessage>({
    name: `embedder/${lane}`,
    capacity: limits.embedderMailboxMax,
    behaviour: embedderActor({
      embedder,
      lane,
      batch: {
        paddedTokensMax,
        itemsMax: lane === "query" ? queryItemsMax : itemsMax,
        predictedMsMax: limits.embedBatchPredictedMsMax,
        lookAheadMax: limits.embedLookAheadMax,
        ageMaxMs: limits.embedQueueAgeMaxMs,
      },
      batchesAtOnceMax: parallelMax,
      batchesInFlightMax: inFlightMax,
      textsMax: limits.embedQueueTextsMax,
      requestMs: limits.embedRequestMs,
      control: {
        text: probeText,
        tokens: tokenizer.encode(probeText, embedder.model.maxTokens),
      },
      controlsMax: limits.embedControlsMax,
      weightOf: (tenant) => settings.tenantWeights?.get(tenant) ?? 1,
      backoff,
      metrics,
    }),
  });
}

function spawnQuestions(
  system: ActorSystem,
  options: TopologyOptions,
  parts: Pick<Topology, "directory" | "proofs"> & {
    readonly queryEmbedder: ActorRef<EmbedderMessage>;
  },
): ActorRef<QuestionMessage>[] {
  // As many as the backend is given at once: of a flood half of them are in hand when another's question comes.
  const { inFlightMax, queryItemsMax } = options.settings.embedBatch ?? batchSizeOf("cpu");
  const atOnce = inFlightMax * queryItemsMax;
  return system.spawnPool<QuestionMessage>(limits.questionsInFlightMax, {
    name: "question",
    capacity: limits.queryMailboxMax,
    behaviour: questionActor({
      directory: parts.directory,
      proofs: parts.proofs,
      log: options.log,
      cold: options.cold,
      embedder: inShares(parts.queryEmbedder.mailbox, new FairShares({ total: atOnce })),
      tokenizer: options.tokenizer,
      modelTokensMax: options.embedder.model.maxTokens,
      redactor: options.redactor,
      writer: options.writer,
      limits: {
        candidatesPerShard: limits.candidatesPerShard,
        coldSearchMs: limits.coldSearchMs,
        coldRefillRoundsMax: limits.coldRefillRoundsMax,
        coldRestartsMax: limits.coldRestartsMax,
        pollMs: limits.tenantPollMs,
        redactionSliceChars: limits.questionRedactionSliceChars,
        replyMs: limits.replyMs,
        pieceEveryMs: limits.answerPieceEveryMs,
      },
      metrics: options.metrics,
    }),
  });
}

/**
 * The wiring: every actor of a node, downstream first, each receiving only the mailboxes it sends to.
 * README.md draws it. Nothing else spawns an actor.
 */

import type { AnswerWriter } from "../src/answer/port.ts";
import type { ColdShard } from "../src/cold/port.ts";
import { FreshetError } from "../src/contract/errors.ts";
import type { Epoch, Partition, TenantId } from "../src/contract/ids.ts";
import { limits } from "../src/contract/limits.ts";
import { type BatchSize, batchSizeOf } from "../src/embedding/batch-size.ts";
import { probeText } from "../src/embedding/model-probe.ts";
import type { Embedder, Lane } from "../src/embedding/port.ts";
import type { HotShardFactory } from "../src/hot/port.ts";
import type { Isolation } from "../src/isolation/port.ts";
import type { Clock } from "../src/kernel/clock.ts";
import type { Mailbox } from "../src/kernel/mailbox.ts";
import { Places } from "../src/kernel/places.ts";
import { type ActorRef, ActorSystem } from "../src/kernel/system.ts";
import { type TenantBounds, TenantCatalogue } from "../src/log/catalogue.ts";
import type { Log } from "../src/log/port.ts";
import type { Logger, Metrics } from "../src/observe/port.ts";
import type { MergeClient } from "../src/temporal/port.ts";
import type { Tokenizer } from "../src/text/port.ts";
import type { Preparer } from "../src/text/prepare.ts";
import {
  Directory,
  noProgress,
  type Proofs,
  recoveringStatus,
  type ShardStatus,
  type TenantEntry,
} from "./directory.ts";
import { embedderActor } from "./embedder.ts";
import { createProofs } from "./lease-proofs.ts";
import { manifestWatcherActor } from "./manifest-watcher.ts";
import { membershipActor } from "./membership.ts";
import { mergeTriggerActor } from "./merge-trigger.ts";
import type {
  EmbedderMessage,
  MergeTriggerMessage,
  PartitionMessage,
  QuestionMessage,
  ShardMessage,
  TenantMessage,
} from "./messages.ts";
import { partitionActor, type TenantHandle } from "./partition.ts";
import { questionActor } from "./question.ts";
import { shardActor } from "./shard.ts";
import { type TenantLimits, tenantActor } from "./tenant.ts";

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
  readonly prepare: Preparer;
  readonly redact: (text: string) => string;
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
  readonly questions: Mailbox<QuestionMessage>;
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

const backoff = {
  backoffMinMs: limits.restartBackoffMinMs,
  backoffMaxMs: limits.restartBackoffMaxMs,
};

const tenantLimits: TenantLimits = {
  inFlightMax: limits.tenantInFlightMax,
  attemptsMax: limits.documentAttemptsMax,
  pullMax: limits.pullMax,
  duplicateWindowMs: limits.duplicateWindowMs,
  messageIdsPerTenantMax: limits.messageIdsPerTenantMax,
  deadLettersWaitingMax: limits.deadLettersWaitingMax,
  deadLetterRetryMaxMs: limits.deadLetterRetryMaxMs,
  backoff,
};

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
  const isHotFull = (tenant: TenantId): boolean =>
    memoryOf(directory.tenant(tenant)?.status) >= limits.hotBytesPerTenantMax ||
    directory.hotBytes() >= limits.hotBytesPerNodeMax;
  const recoveries = new Places(limits.recoveriesInFlightMax);
  const bounds = options.settings.tenants ?? { max: limits.tenantsMax };
  const catalogue = new TenantCatalogue(bounds, log.chunks);
  const node = { system, options, directory, recoveries, catalogue };
  const wiring = { ...node, ingestEmbedder, mergeTrigger, isHotFull };
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
    questions: anyQuestion.mailbox,
    system,
    isHotFull,
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

function memoryOf({ hot, headsBytes }: ShardStatus = recoveringStatus): number {
  return hot.bytes + headsBytes;
}

/** A weight of zero would stop its tenant once it had its first turn; an infinite one would stop all others. */
function checkWeights(weights: ReadonlyMap<TenantId, number> = new Map()): void {
  for (const [tenant, weight] of weights) {
    if (Number.isFinite(weight) && weight > 0) continue;
    throw new RangeError(`the weight of tenant ${tenant} is not a number above zero`);
  }
}

interface PartitionWiring {
  readonly system: ActorSystem;
  readonly options: TopologyOptions;
  readonly directory: Directory;
  readonly ingestEmbedder: ActorRef<EmbedderMessage>;
  readonly mergeTrigger: ActorRef<MergeTriggerMessage>;
  readonly isHotFull: (tenant: TenantId) => boolean;
  readonly recoveries: Places;
  readonly catalogue: TenantCatalogue;
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

/** At the node's bound the tenant that waits may hold next to nothing itself: then others' merges make the room. */
function tenantsThatMakeRoom(directory: Directory, waiting: TenantId): readonly TenantId[] {
  if (directory.hotBytes() < limits.hotBytesPerNodeMax) return [waiting];
  return [...new Set([waiting, ...directory.largestUnmerged(limits.pressureTenantsMax)])];
}

/** A tenant is two actors: the shard that answers, and the tenant that writes the log and feeds it. */
function spawnTenant({ tenant, epoch, wiring, partition }: TenantWiring): TenantHandle {
  const { system, options, directory, ingestEmbedder, mergeTrigger } = wiring;
  const { isHotFull, recoveries } = wiring;
  const progress = noProgress();
  const { log, metrics, logger, embedder, settings, prepare, isolation } = options;
  // A partition of many tenants may fail with all of them at once: who finds its mailbox full waits for room.
  const failed = (): void => void partition().put({ type: "tenant-failed", tenant });
  const shard = system.spawn<ShardMessage>({
    name: `shard/${tenant}`,
    capacity: limits.shardMailboxMax,
    onEscalate: failed,
    behaviour: shardActor({
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
  const writer: ActorRef<TenantMessage> = system.spawn<TenantMessage>({
    name: `tenant/${tenant}`,
    capacity: limits.tenantQueueMax,
    onEscalate: failed,
    behaviour: tenantActor({
      ...{ tenant, epoch, log, prepare, isolation },
      model: embedder.model.fingerprint,
      embedder: ingestEmbedder.mailbox,
      shard: shard.mailbox,
      mergeTrigger: mergeTrigger.mailbox,
      route: () => entry.route,
      progress,
      recoveries,
      isHotFull: () => isHotFull(tenant),
      makesRoom: () => tenantsThatMakeRoom(directory, tenant),
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
    route: {
      mailbox: writer.mailbox,
      behind: true,
      skippedTo: 0 as TenantEntry["route"]["skippedTo"],
    },
    progress,
    status: recoveringStatus,
  };
  return {
    entry,
    stop: async () => {
      await writer.stop();
      await shard.stop();
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
  return system.spawnPool<QuestionMessage>(limits.questionsInFlightMax, {
    name: "question",
    capacity: limits.queryMailboxMax,
    behaviour: questionActor({
      directory: parts.directory,
      proofs: parts.proofs,
      log: options.log,
      cold: options.cold,
      embedder: parts.queryEmbedder.mailbox,
      tokenizer: options.tokenizer,
      modelTokensMax: options.embedder.model.maxTokens,
      redact: options.redact,
      writer: options.writer,
      limits: {
        candidatesPerShard: limits.candidatesPerShard,
        coldSearchMs: limits.coldSearchMs,
        coldRefillRoundsMax: limits.coldRefillRoundsMax,
        coldRestartsMax: limits.coldRestartsMax,
        pollMs: limits.tenantPollMs,
        replyMs: limits.replyMs,
        pieceEveryMs: limits.answerPieceEveryMs,
      },
      metrics: options.metrics,
    }),
  });
}

/** `tenant/acme` counts as `tenant`: a metric label must not grow with the tenants. */
function kindOf(actor: string): string {
  return actor.split("/", 1)[0] ?? actor;
}
